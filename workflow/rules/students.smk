# Step students (Urban 2.8, 6.2, 6.3)
# reads:  data/dataset.h5, epochs/SS.h5, logits/targets.h5 (not for hard labels), results of earlier rounds
# writes: students/STUDY/round-RR/proposals.json, students/STUDY/trials/TTT/{metrics.json,...}


rule propose_students:
    """Ask Bayesian optimisation for a study's next round (Urban 2.8, 6.3)."""
    input:
        finished=earlier_students,
    output:
        proposals=f"{OUT}/students/{{study}}/round-{{round}}/proposals.json",
    log:
        f"{OUT}/logs/propose_students/{{study}}/{{round}}.log",
    cache: SHARED_CACHE
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        search_space=student_search_space,
        study="{study}",
        seed=SEED,
        round="{round}",
        trials=students_of_round,
        fingerprint=fingerprint("mimic.students.propose_students"),
        versions=cache_only_versions,
    shell:
        "python -m mimic.students.propose_students --study {params.study} --search-space {params.search_space:q}"
        " --seed {params.seed} --round {params.round} --trials {params.trials} --finished {input.finished:q}"
        " --proposals {output.proposals:q} > {log:q} 2>&1"


rule train_student:
    """Train one student on the ensemble's logits, or one net on hard labels (Urban 2.2, 2.8, 6.2)."""
    input:
        proposals=student_proposals,
        dataset=DATASET,
        epochs=epoch_shards(),
        targets=student_targets,
    output:
        metrics=f"{OUT}/students/{{study}}/trials/{{trial}}/metrics.json",
        history=f"{OUT}/students/{{study}}/trials/{{trial}}/history.csv",
        weights=f"{OUT}/students/{{study}}/trials/{{trial}}/weights.safetensors",
        predictions=f"{OUT}/students/{{study}}/trials/{{trial}}/predictions.h5",
    log:
        f"{OUT}/logs/train_student/{{study}}/{{trial}}.log",
    cache: SHARED_CACHE
    threads: 1
    resources:
        mem_mb=growing(5000),
    params:
        settings=student_settings,
        study="{study}",
        seed=SEED,
        trial="{trial}",
        fingerprint=fingerprint("mimic.students.train_student"),
        versions=cache_only_versions,
    shell:
        "python -m mimic.students.train_student --study {params.study} --settings {params.settings:q}"
        " --seed {params.seed} --trial {params.trial} --proposals {input.proposals:q}"
        " --dataset {input.dataset:q} --epochs {input.epochs:q} --targets {input.targets:q}"
        " --threads {threads} --metrics {output.metrics:q} --history {output.history:q}"
        " --weights {output.weights:q} --predictions {output.predictions:q} > {log:q} 2>&1"
