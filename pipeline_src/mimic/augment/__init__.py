"""Augmentation (Urban 2.5): a recipe is drawn, then rendered: recipe -> hsv -> spline -> render."""
