"""epochs"""
