# Step epochs (Urban 2.5)
# reads:  data/dataset.h5
# writes: epochs/SS.h5, a shard of augmented passes over the training set: pixels or recipe


rule generate_epochs:
    """Augment the training images, a shard of epochs a job (Urban 2.5)."""
    input:
        dataset=dataset_of_shard,
    output:
        shard=f"{OUT}/epochs/{{shard}}.h5",
    log:
        f"{OUT}/logs/generate_epochs/{{shard}}.log",
    cache: SHARED_CACHE
    localrule: CONFIG.epochs.store == "recipe"  # parameters alone are a second's work
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        settings=as_json(CONFIG.epochs, include={"store", "hsv", "crop"}),
        seed=SEED,
        epochs=epochs_of_shard,
        fingerprint=fingerprint("mimic.epochs.generate_epochs"),
        versions=cache_only_versions,
    shell:
        "python -m mimic.epochs.generate_epochs --settings {params.settings:q} --seed {params.seed}"
        " --epochs {params.epochs} --dataset {input.dataset:q} --threads {threads} --shard {output.shard:q}"
        " > {log:q} 2>&1"
