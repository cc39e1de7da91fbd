# Step shallow (arXiv 2309.08414): sequential against parallel residual nets, a grid of thousands
# reads:  the images of section `shallow`, which are not those of section `data`
# writes: shallow/data/DATASET.h5, shallow/groups/GROUP/{nets.h5,expansion.csv}, shallow/{losses,table2,expansion}.csv,
#         shallow/figure_{q,depth,gap,expansion}.*, shallow/report.html
# On its own: no other step reads or writes any of it, save that the page of step report shows its tables.


rule shallow:
    """Table 2 of the second paper, the figures of its grid, the expansion of its nets, and a page."""
    input:
        f"{OUT}/shallow/table2.csv",
        expand(f"{OUT}/shallow/figure_{{figure}}.png", figure=SHALLOW_FIGURES),
        f"{OUT}/shallow/figure_expansion.png",
        f"{OUT}/shallow/report.html",
    localrule: True


rule prepare_shallow_dataset:
    """The training and test images of a dataset of the grid."""
    output:
        dataset=f"{OUT}/shallow/data/{{dataset}}.h5",
    log:
        f"{OUT}/logs/prepare_shallow_dataset/{{dataset}}.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        contents=shallow_contents,
        images=shallow_images,
        seed=SEED,
        fingerprint=fingerprint("mimic.data.prepare_dataset"),
        whereabouts=shallow_settings,
    shell:
        "python -m mimic.data.prepare_dataset --settings {params.whereabouts:q} --images {params.images}"
        " --seed {params.seed} --threads {threads} --out {output.dataset:q} > {log:q} 2>&1"


rule train_group:
    """Train all nets with equal tensors, sequential and parallel, as stacks."""
    input:
        dataset=group_dataset,
    output:
        nets=f"{OUT}/shallow/groups/{{group}}/nets.h5",
    log:
        f"{OUT}/logs/train_group/{{group}}.log",
    priority: group_work
    threads: 1
    resources:
        mem_mb=group_memory_mb,
    params:
        settings=group_settings,
        group="{group}",
        seed=SEED,
        fingerprint=fingerprint("mimic.shallow.train_group"),
    shell:
        "python -m mimic.shallow.train_group --group {params.group} --settings {params.settings:q}"
        " --seed {params.seed} --dataset {input.dataset:q} --threads {threads} --out {output.nets:q}"
        " > {log:q} 2>&1"


rule expand_nets:
    """Expand trained sequential nets into orders, of which the first is what the parallel net adds."""
    input:
        nets=f"{OUT}/shallow/groups/{{group}}/nets.h5",
        dataset=group_dataset,
    output:
        csv=f"{OUT}/shallow/groups/{{group}}/expansion.csv",
    log:
        f"{OUT}/logs/expand_nets/{{group}}.log",
    threads: 1
    resources:
        mem_mb=growing(3000),
    params:
        digest=digest_of_group,
        n_nets=SHALLOW.expansion.n_nets,
        n_images=SHALLOW.expansion.n_images,
        max_order=expansion_order,
        fingerprint=fingerprint("mimic.shallow.expand_nets"),
    shell:
        "python -m mimic.shallow.expand_nets --group-file {input.nets:q} --digest {params.digest}"
        " --dataset {input.dataset:q} --n-nets {params.n_nets} --n-images {params.n_images} --max-order {params.max_order}"
        " --threads {threads} --out {output.csv:q} > {log:q} 2>&1"


rule tabulate_losses:
    """Every net of the grid with its losses after the last epoch."""
    input:
        groups=shallow_groups("nets.h5"),
    output:
        csv=report(
            f"{OUT}/shallow/losses.csv",
            caption="../report/shallow_losses.rst",
            category="Shallow",
            labels={"table": "Losses of all nets"},
        ),
    log:
        f"{OUT}/logs/tabulate_losses.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        digests=shallow_digests,
        fingerprint=fingerprint("mimic.shallow.tabulate_losses"),
    shell:
        "python -m mimic.shallow.tabulate_losses --groups {input.groups:q} --digests {params.digests}"
        " --out {output.csv:q} > {log:q} 2>&1"


rule tabulate_intervals:
    """Mean losses by interval of Q, layout and dataset, beside the paper's (its Table 2)."""
    input:
        losses=f"{OUT}/shallow/losses.csv",
    output:
        csv=report(
            f"{OUT}/shallow/table2.csv",
            caption="../report/shallow_table2.rst",
            category="Shallow",
            labels={"table": "Table 2"},
        ),
    log:
        f"{OUT}/logs/tabulate_intervals.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(500),
    params:
        q_edges=SHALLOW.q_edges,
        fingerprint=fingerprint("mimic.shallow.tabulate_intervals"),
    shell:
        "python -m mimic.shallow.tabulate_intervals --losses {input.losses:q} --q-edges {params.q_edges}"
        " --out {output.csv:q} > {log:q} 2>&1"


rule plot_losses:
    """Losses against Q (`q`) and depth (`depth`), and the gap between validation and training (`gap`)."""
    input:
        losses=f"{OUT}/shallow/losses.csv",
    output:
        png=report(
            f"{OUT}/shallow/figure_{{figure}}.png",
            caption="../report/shallow_figure_{figure}.rst",
            category="Shallow",
            labels={"figure": "{figure}"},
        ),
        svg=f"{OUT}/shallow/figure_{{figure}}.svg",
        csv=f"{OUT}/shallow/figure_{{figure}}.csv",
    log:
        f"{OUT}/logs/plot_losses/{{figure}}.log",
    wildcard_constraints:
        figure="|".join(SHALLOW_FIGURES),
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        figure="{figure}",
        q_edges=SHALLOW.q_edges,
        fingerprint=fingerprint("mimic.shallow.plot_losses"),
    shell:
        "python -m mimic.shallow.plot_losses --figure {params.figure} --losses {input.losses:q}"
        " --q-edges {params.q_edges} --png {output.png:q} --svg {output.svg:q} --csv {output.csv:q} > {log:q} 2>&1"


rule plot_expansion:
    """How much of trained sequential nets each order explains, against depth."""
    input:
        expansions=shallow_groups("expansion.csv"),
    output:
        png=report(
            f"{OUT}/shallow/figure_expansion.png",
            caption="../report/shallow_figure_expansion.rst",
            category="Shallow",
            labels={"figure": "Expansion"},
        ),
        svg=f"{OUT}/shallow/figure_expansion.svg",
        csv=report(
            f"{OUT}/shallow/expansion.csv",
            caption="../report/shallow_expansion.rst",
            category="Shallow",
            labels={"table": "Expansion"},
        ),
    log:
        f"{OUT}/logs/plot_expansion.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        n_nets=SHALLOW.expansion.n_nets,
        layouts=SHALLOW.grid.layout,
        fingerprint=fingerprint("mimic.shallow.plot_expansion"),
    shell:
        "python -m mimic.shallow.plot_expansion --expansions {input.expansions:q} --n-nets {params.n_nets}"
        " --layouts {params.layouts} --png {output.png:q} --svg {output.svg:q} --csv {output.csv:q} > {log:q} 2>&1"


rule publish_grid_report:
    """The grid's results on one page that opens anywhere."""
    input:
        tables=expand(f"{OUT}/shallow/{{table}}.csv", table=SHALLOW_TABLES),
    output:
        page=report(
            f"{OUT}/shallow/report.html",
            caption="../report/shallow_page.rst",
            category="Shallow",
            labels={"page": "Report"},
        ),
    log:
        f"{OUT}/logs/publish_grid_report.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(1500),
    params:
        config=config_of_results,
        fingerprint=fingerprint("mimic.report.publish_report"),
    shell:
        'python -m mimic.report.publish_report --only grid --results "$(dirname "$(dirname {output.page:q})")"'
        " --config {params.config:q} --out {output.page:q} > {log:q} 2>&1"
