# Step logits (Urban 2.2, 2.7)
# reads:  epochs/SS.h5, the members' weights
# writes: logits/members/TTT.h5, and logits/targets.h5, their mean before the softmax


rule record_logits:
    """Record one member's logits on every stored epoch (Urban 2.2)."""
    input:
        dataset=f"{OUT}/data/dataset.h5",
        epochs=epoch_shards(),
        weights=f"{OUT}/teachers/trials/{{trial}}/weights.safetensors",
    output:
        logits=f"{OUT}/logits/members/{{trial}}.h5",
    log:
        f"{OUT}/logs/record_logits/{{trial}}.log",
    cache: SHARED_CACHE
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        settings=as_json(CONFIG.logits),
        trial="{trial}",
        fingerprint=fingerprint("mimic.logits.record_logits"),
        versions=cache_only_versions,
    shell:
        "python -m mimic.logits.record_logits --settings {params.settings:q} --trials {params.trial}"
        " --dataset {input.dataset:q} --epochs {input.epochs:q} --weights {input.weights:q}"
        " --threads {threads} --logits {output.logits:q} > {log:q} 2>&1"


rule average_logits:
    """Average the members' logits before the softmax (Urban 2.7)."""
    input:
        members=f"{OUT}/ensemble/members.json",
        logits=member_logits,
    output:
        targets=f"{OUT}/logits/targets.h5",
    log:
        f"{OUT}/logs/average_logits.log",
    cache: SHARED_CACHE
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        dtype=CONFIG.logits.dtype,
        fingerprint=fingerprint("mimic.logits.average_logits"),
        versions=cache_only_versions,
    shell:
        "python -m mimic.logits.average_logits --dtype {params.dtype} --members {input.members:q}"
        " --logits {input.logits:q} --targets {output.targets:q} > {log:q} 2>&1"
