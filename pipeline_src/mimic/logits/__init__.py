"""logits"""
