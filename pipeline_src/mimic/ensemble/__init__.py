"""Step ``ensemble``: the nets whose averaged logits the students mimic (Urban 2.7)."""
