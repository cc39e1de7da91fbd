"""Invented rows of losses.csv and expansion.csv."""


def net(q, layout="sequential", dataset="mnist", **changes):
    """A row of losses.csv."""
    row = {"dataset": dataset, "group": f"{dataset}-L2-F1-K3", "net": 0, "layout": layout, "n_layers": 2}
    row |= {"n_filters": 1, "kernel_size": 3, "batch_norm": False, "padding": "zeros", "activation": "relu"}
    row |= {"initialiser": "he_normal", "optimiser": "rmsprop", "learning_rate": 0.001, "seed": 0}
    row |= {"n_parameters": 100, "q": q, "status": "finished", "train_loss": 0.5, "train_accuracy": 0.5}
    row |= {"validation_loss": 0.5, "validation_accuracy": 0.5, "best_validation_loss": 0.4, "best_epoch": 2}
    return row | changes


def numbered(frame):
    """Nets counted through, as no two of a group have one number."""
    return frame.assign(net=range(len(frame)))


def diverged(q, **changes):
    return net(q, status="diverged", **dict.fromkeys(list(net(1))[-6:]), **changes)


def order(k, n_layers=4, share=0.5, norm=0.3, accuracy=0.8, **changes):
    """A row of expansion.csv."""
    row = {key: value for key, value in net(1).items() if key not in list(net(1))[-9:]}
    row |= {"n_layers": n_layers, "group": f"mnist-L{n_layers}-F1-K3", "n_images": 9, "order": str(k)}
    row |= {"feature_norm": norm, "feature_share": share, "logit_norm": norm, "logit_share": share}
    return row | {"accuracy": accuracy, "cross_entropy": 0.4} | changes
