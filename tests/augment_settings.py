"""The augmentation that tests use: the paper's constants of the stored epochs (Urban 2.5), as JSON values."""

HSV = {
    "hue_shift": 0.06,
    "saturation_shift": 0.26,
    "value_shift": 0.2,
    "saturation_scale": 0.21,
    "value_scale": 0.13,
}
CROP = {"mirror_probability": 0.5, "crop_min": 24}
