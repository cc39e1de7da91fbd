"""Step data: images and labels from a source, split into training, validation and test images."""
