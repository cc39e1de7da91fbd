# Step win (Zhou et al., ICML 2020): thin nets that imitate a wide one block by block
# reads:  the images of section `win`, which are not those of section `data`
# writes: win/data.h5, or win/images/*/{train,val}-NNNNN.h5 of a folder,
#         win/NET/{xW/teacher,vanilla/S,xW/kd/S,xW/win/S/{block1..4,finetuned,merged}}/,
#         win/table{1,2,3}.csv, win/report.html
# On its own: no other step reads or writes any of it, save that the page of step report shows its tables.


rule win:
    """Tables 1, 2 and 3 of the third paper, and a page."""
    input:
        expand(f"{OUT}/win/{{table}}.csv", table=WIN_TABLES),
        f"{OUT}/win/report.html",
    localrule: True


rule prepare_win_dataset:
    """The training and test images of a small source."""
    output:
        dataset=f"{OUT}/win/data.h5",
    log:
        f"{OUT}/logs/prepare_win_dataset.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        contents=win_contents,
        images=win_images,
        seed=SEED,
        fingerprint=fingerprint("mimic.data.prepare_dataset"),
        whereabouts=win_whereabouts,
    shell:
        "python -m mimic.data.prepare_dataset --settings {params.whereabouts:q} --images {params.images}"
        " --seed {params.seed} --threads {threads} --out {output.dataset:q} > {log:q} 2>&1"


rule cache_images:
    """A shard of a folder's images, decoded once."""
    output:
        shard=f"{WIN_CACHE}/{{images}}/{{part}}-{{shard}}.h5",
    log:
        f"{OUT}/logs/cache_images/{{images}}-{{part}}-{{shard}}.log",
    wildcard_constraints:
        images="[0-9a-f]+-[0-9]+-[0-9]+",
        part="train|val",
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        settings=shard_settings,
        folder=win_folder_argument,
        fingerprint=fingerprint("mimic.win.cache_images"),
    shell:
        "python -m mimic.win.cache_images --settings {params.settings:q} --images {params.folder:q}"
        " --threads {threads} --shard {output.shard:q} > {log:q} 2>&1"


rule train_wide:
    """Stage 1: a wide teacher on labels."""
    input:
        images=win_image_files,
    output:
        weights=f"{OUT}/win/{{net}}/x{{widen}}/teacher/weights.safetensors",
        history=f"{OUT}/win/{{net}}/x{{widen}}/teacher/history.csv",
        metrics=f"{OUT}/win/{{net}}/x{{widen}}/teacher/metrics.json",
    log:
        f"{OUT}/logs/train_wide/{{net}}-x{{widen}}.log",
    threads: 1
    resources:
        mem_mb=growing(6000),
        processes=1,
    params:
        settings=wide_settings,
        images=win_listing,
        where=win_images_argument,
        seed=SEED,
        fingerprint=fingerprint("mimic.win.train_wide"),
    shell:
        "python -m mimic.win.train_wide --settings {params.settings:q} --seed {params.seed}"
        " {params.where} --threads {threads} --processes {resources.processes}"
        ' --out "$(dirname {output.metrics:q})" > {log:q} 2>&1'


rule train_vanilla:
    """A thin net on labels alone, as long as stages 2 and 3 take (section 4.1)."""
    input:
        images=win_image_files,
    output:
        weights=f"{OUT}/win/{{net}}/vanilla/{{repetition}}/weights.safetensors",
        history=f"{OUT}/win/{{net}}/vanilla/{{repetition}}/history.csv",
        metrics=f"{OUT}/win/{{net}}/vanilla/{{repetition}}/metrics.json",
    log:
        f"{OUT}/logs/train_vanilla/{{net}}-{{repetition}}.log",
    threads: 1
    resources:
        mem_mb=growing(6000),
        processes=1,
    params:
        settings=vanilla_settings,
        repetition="{repetition}",
        images=win_listing,
        where=win_images_argument,
        seed=SEED,
        fingerprint=fingerprint("mimic.win.train_vanilla"),
    shell:
        "python -m mimic.win.train_vanilla --settings {params.settings:q} --seed {params.seed}"
        " --repetition {params.repetition} {params.where} --threads {threads}"
        ' --processes {resources.processes} --out "$(dirname {output.metrics:q})" > {log:q} 2>&1'


rule train_kd:
    """A thin net on labels and the teacher's softened probabilities (section 4.1)."""
    input:
        images=win_image_files,
        teacher=f"{OUT}/win/{{net}}/x{{widen}}/teacher/weights.safetensors",
    output:
        weights=f"{OUT}/win/{{net}}/x{{widen}}/kd/{{repetition}}/weights.safetensors",
        history=f"{OUT}/win/{{net}}/x{{widen}}/kd/{{repetition}}/history.csv",
        metrics=f"{OUT}/win/{{net}}/x{{widen}}/kd/{{repetition}}/metrics.json",
    log:
        f"{OUT}/logs/train_kd/{{net}}-x{{widen}}-{{repetition}}.log",
    threads: 1
    resources:
        mem_mb=growing(6000),
        processes=1,
    params:
        settings=kd_settings,
        repetition="{repetition}",
        images=win_listing,
        where=win_images_argument,
        seed=SEED,
        fingerprint=fingerprint("mimic.win.train_kd"),
    shell:
        "python -m mimic.win.train_kd --settings {params.settings:q} --seed {params.seed}"
        " --repetition {params.repetition} {params.where} --teacher {input.teacher:q}"
        " --threads {threads} --processes {resources.processes}"
        ' --out "$(dirname {output.metrics:q})" > {log:q} 2>&1'


rule imitate_block:
    """Stage 2: a block, and those before it, imitate the teacher's."""
    input:
        images=win_image_files,
        teacher=f"{OUT}/win/{{net}}/x{{widen}}/teacher/weights.safetensors",
        before=block_before,
    output:
        weights=f"{OUT}/win/{{net}}/x{{widen}}/win/{{repetition}}/block{{block}}/weights.safetensors",
        history=f"{OUT}/win/{{net}}/x{{widen}}/win/{{repetition}}/block{{block}}/history.csv",
        metrics=f"{OUT}/win/{{net}}/x{{widen}}/win/{{repetition}}/block{{block}}/metrics.json",
    log:
        f"{OUT}/logs/imitate_block/{{net}}-x{{widen}}-{{repetition}}-{{block}}.log",
    threads: 1
    resources:
        mem_mb=growing(6000),
        processes=1,
    params:
        settings=block_settings,
        repetition="{repetition}",
        block="{block}",
        images=win_listing,
        where=win_images_argument,
        seed=SEED,
        fingerprint=fingerprint("mimic.win.imitate_block"),
    shell:
        "python -m mimic.win.imitate_block --settings {params.settings:q} --seed {params.seed}"
        " --repetition {params.repetition} --block {params.block} {params.where}"
        " --teacher {input.teacher:q} --before {input.before:q} --threads {threads}"
        ' --processes {resources.processes} --out "$(dirname {output.metrics:q})" > {log:q} 2>&1'


rule finetune:
    """Stage 3: the whole imitation net on the teacher's probabilities."""
    input:
        images=win_image_files,
        teacher=f"{OUT}/win/{{net}}/x{{widen}}/teacher/weights.safetensors",
        before=f"{OUT}/win/{{net}}/x{{widen}}/win/{{repetition}}/block{WIN_BLOCKS}/weights.safetensors",
    output:
        weights=f"{OUT}/win/{{net}}/x{{widen}}/win/{{repetition}}/finetuned/weights.safetensors",
        history=f"{OUT}/win/{{net}}/x{{widen}}/win/{{repetition}}/finetuned/history.csv",
        metrics=f"{OUT}/win/{{net}}/x{{widen}}/win/{{repetition}}/finetuned/metrics.json",
    log:
        f"{OUT}/logs/finetune/{{net}}-x{{widen}}-{{repetition}}.log",
    threads: 1
    resources:
        mem_mb=growing(6000),
        processes=1,
    params:
        settings=finetune_settings,
        repetition="{repetition}",
        images=win_listing,
        where=win_images_argument,
        seed=SEED,
        fingerprint=fingerprint("mimic.win.finetune"),
    shell:
        "python -m mimic.win.finetune --settings {params.settings:q} --seed {params.seed}"
        " --repetition {params.repetition} {params.where} --teacher {input.teacher:q}"
        " --before {input.before:q} --threads {threads} --processes {resources.processes}"
        ' --out "$(dirname {output.metrics:q})" > {log:q} 2>&1'


rule merge:
    """All pairs of a trained imitation net merged: the thin net as it was, with other weights."""
    input:
        images=win_image_files,
        teacher=f"{OUT}/win/{{net}}/x{{widen}}/teacher/weights.safetensors",
        trained=f"{OUT}/win/{{net}}/x{{widen}}/win/{{repetition}}/finetuned/weights.safetensors",
    output:
        weights=f"{OUT}/win/{{net}}/x{{widen}}/win/{{repetition}}/merged/weights.safetensors",
        metrics=f"{OUT}/win/{{net}}/x{{widen}}/win/{{repetition}}/merged/metrics.json",
    log:
        f"{OUT}/logs/merge/{{net}}-x{{widen}}-{{repetition}}.log",
    threads: 1
    resources:
        mem_mb=growing(6000),
    params:
        settings=merge_settings,
        repetition="{repetition}",
        images=win_listing,
        where=win_images_argument,
        seed=SEED,
        fingerprint=fingerprint("mimic.win.merge"),
    shell:
        "python -m mimic.win.merge --settings {params.settings:q} --seed {params.seed}"
        " --repetition {params.repetition} {params.where} --teacher {input.teacher:q}"
        " --trained {input.trained:q} --threads {threads}"
        ' --out "$(dirname {output.metrics:q})" > {log:q} 2>&1'


rule tabulate_sizes:
    """Table 1: parameters and multiply-adds of teachers and students, computed from the models."""
    output:
        csv=report(
            f"{OUT}/win/table1.csv",
            caption="../report/win_table1.rst",
            category="Wide to narrow",
            labels={"table": "Table 1"},
        ),
    log:
        f"{OUT}/logs/tabulate_sizes.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        nets=list(WIN_NETS),
        widen=WIN.widen[0],
        stem=WIN.nets.stem,
        images=win_image_arguments,
        compare=win_compare,
        fingerprint=fingerprint("mimic.win.tabulate_sizes"),
    shell:
        "python -m mimic.win.tabulate_sizes --nets {params.nets} --widen {params.widen} --stem {params.stem}"
        " {params.images} {params.compare} --out {output.csv:q} > {log:q} 2>&1"


rule tabulate_methods:
    """Table 2: Vanilla, KD and WIN at equal epochs, beside the paper's."""
    input:
        metrics=table2_metrics,
    output:
        csv=report(
            f"{OUT}/win/table2.csv",
            caption="../report/win_table2.rst",
            category="Wide to narrow",
            labels={"table": "Table 2"},
        ),
    log:
        f"{OUT}/logs/tabulate_methods.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        compare=win_compare,
        fingerprint=fingerprint("mimic.win.tabulate_methods"),
    shell:
        "python -m mimic.win.tabulate_methods --metrics {input.metrics:q} {params.compare}"
        " --out {output.csv:q} > {log:q} 2>&1"


rule tabulate_widths:
    """Table 3: teachers of different widths and the students of each, beside the paper's."""
    input:
        metrics=table3_metrics,
    output:
        csv=report(
            f"{OUT}/win/table3.csv",
            caption="../report/win_table3.rst",
            category="Wide to narrow",
            labels={"table": "Table 3"},
        ),
    log:
        f"{OUT}/logs/tabulate_widths.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        compare=win_compare,
        fingerprint=fingerprint("mimic.win.tabulate_widths"),
    shell:
        "python -m mimic.win.tabulate_widths --metrics {input.metrics:q} {params.compare}"
        " --out {output.csv:q} > {log:q} 2>&1"


rule publish_win_report:
    """The third paper's results on one page that opens anywhere."""
    input:
        # The trainings' histories, which the page shows too, are as old as what the tables are made of.
        tables=expand(f"{OUT}/win/{{table}}.csv", table=WIN_TABLES),
    output:
        page=report(
            f"{OUT}/win/report.html",
            caption="../report/win_page.rst",
            category="Wide to narrow",
            labels={"page": "Report"},
        ),
    log:
        f"{OUT}/logs/publish_win_report.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(1500),
    params:
        config=config_of_results,
        fingerprint=fingerprint("mimic.report.publish_report"),
    shell:
        'python -m mimic.report.publish_report --only win --results "$(dirname "$(dirname {output.page:q})")"'
        " --config {params.config:q} --out {output.page:q} > {log:q} 2>&1"
