# Step teachers (Urban 2.6, 2.7)
# reads:  data/dataset.h5, results of earlier rounds
# writes: teachers/round-RR/proposals.json, teachers/trials/TTT/{metrics.json,history.csv,weights.safetensors,predictions.h5}


rule propose_teachers:
    """Ask Bayesian optimisation for the next round of teachers (Urban 2.6)."""
    input:
        finished=earlier_teachers,
    output:
        proposals=f"{OUT}/teachers/round-{{round}}/proposals.json",
    log:
        f"{OUT}/logs/propose_teachers/{{round}}.log",
    cache: SHARED_CACHE
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        search_space=as_json(CONFIG.teachers.search_space),
        seed=SEED,
        round="{round}",
        trials=teachers_of_round,
        fingerprint=fingerprint("mimic.teachers.propose_teachers"),
        versions=cache_only_versions,
    shell:
        "python -m mimic.teachers.propose_teachers --search-space {params.search_space:q}"
        " --seed {params.seed} --round {params.round} --trials {params.trials} --finished {input.finished:q}"
        " --proposals {output.proposals:q} > {log:q} 2>&1"


rule train_teacher:
    """Train one deep teacher with augmentation on the fly (Urban 2.5, 2.7)."""
    input:
        proposals=teacher_proposals,
        dataset=f"{OUT}/data/dataset.h5",
    output:
        metrics=f"{OUT}/teachers/trials/{{trial}}/metrics.json",
        history=f"{OUT}/teachers/trials/{{trial}}/history.csv",
        weights=f"{OUT}/teachers/trials/{{trial}}/weights.safetensors",
        predictions=f"{OUT}/teachers/trials/{{trial}}/predictions.h5",
    log:
        f"{OUT}/logs/train_teacher/{{trial}}.log",
    cache: SHARED_CACHE
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        crop=as_json(CONFIG.teachers.crop),
        training=as_json(CONFIG.teachers.training),
        seed=SEED,
        trial="{trial}",
        fingerprint=fingerprint("mimic.teachers.train_teacher"),
        versions=cache_only_versions,
    shell:
        "python -m mimic.teachers.train_teacher --crop {params.crop:q} --training {params.training:q}"
        " --seed {params.seed} --trial {params.trial} --proposals {input.proposals:q}"
        " --dataset {input.dataset:q} --threads {threads} --metrics {output.metrics:q}"
        " --history {output.history:q} --weights {output.weights:q} --predictions {output.predictions:q}"
        " > {log:q} 2>&1"
