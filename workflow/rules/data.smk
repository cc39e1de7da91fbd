# Step data (Urban 2.1)
# reads:  CIFAR-10, MNIST, an image folder, or the embedded set
# writes: data/dataset.h5 with uint8 images, labels and the split


# Where the images lie is no param: the same images elsewhere give the same dataset.
DATA_SETTINGS = CONFIG.data.model_dump_json()


rule prepare_dataset:
    """Split the images into training, validation and test sets (Urban 2.1)."""
    input:
        split=split_of_dataset,
    output:
        dataset=DATASET,
    log:
        f"{OUT}/logs/prepare_dataset.log",
    cache: SHARED_CACHE
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        contents=as_json(CONFIG.data, exclude=set(WHEREABOUTS)),
        images=source_images,
        seed=SEED,
        fingerprint=fingerprint("mimic.data.prepare_dataset"),
        versions=cache_only_versions,
    shell:
        "python -m mimic.data.prepare_dataset --settings {DATA_SETTINGS:q} --images {params.images}"
        " --split {input.split:q} --seed {params.seed} --threads {threads} --out {output.dataset:q} > {log:q} 2>&1"
