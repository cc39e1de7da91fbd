# Step report: tables, figures and a page from the finished trials (Urban, Tables 1 and 2, Figures 1 and 2).
# reads   {teachers,students/STUDY}/trials/TTT/*, ensemble/members.json; for the page also dataset, epochs, logs,
#         and shallow/*.csv where they are there
# writes  {teachers,students/STUDY}/trials.csv, table1*.csv, table2*.csv, figure1.*, figure2.*, report.html
# Paper sections 3 and 6.3. Nothing here trains; editing a table or figure reruns no step above.


rule tabulate_trials:
    """One study's trials as a table, for the tables and figures of the paper (Urban 2.7, 2.8)."""
    input:
        metrics=trial_metrics,
    output:
        csv=f"{OUT}/{{study_folder}}/trials.csv",
    log:
        f"{OUT}/logs/tabulate_trials/{{study_folder}}.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(500),
    params:
        study_folder="{study_folder}",
        fingerprint=fingerprint("mimic.report.tabulate_trials"),
    shell:
        "python -m mimic.report.tabulate_trials"
        " --metrics {input.metrics:q} --out {output.csv:q} > {log:q} 2>&1"


rule tabulate_table1:
    """Nets on hard labels, the best teachers, the ensemble (Urban, Table 1)."""
    input:
        hard_studies=expand(f"{OUT}/students/{{study}}/trials.csv", study=hard_study_names()),
        teachers=TEACHERS,
        ensemble=MEMBERS,
    output:
        table=report(
            f"{OUT}/table1.csv",
            caption="../report/table1.rst",
            category="Tables",
            labels={"table": "Table 1"},
        ),
        long=report(
            f"{OUT}/table1_long.csv",
            caption="../report/table1_long.rst",
            category="Tables",
            labels={"table": "Table 1, long form"},
        ),
    log:
        f"{OUT}/logs/tabulate_table1.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(500),
    params:
        compare="--compare" if CONFIG.report.compare_with_paper else "--no-compare",
        fingerprint=fingerprint("mimic.report.tabulate_table1"),
    shell:
        "python -m mimic.report.tabulate_table1"
        " --hard-studies {input.hard_studies:q} --teachers {input.teachers:q}"
        " --ensemble {input.ensemble:q} --out {output.table:q} --long {output.long:q} {params.compare} > {log:q} 2>&1"


rule tabulate_table2:
    """Test accuracy of the student families at every parameter budget (Urban, Table 2)."""
    input:
        studies=expand(f"{OUT}/students/{{study}}/trials.csv", study=study_names()),
    output:
        table=report(
            f"{OUT}/table2.csv",
            caption="../report/table2.rst",
            category="Tables",
            labels={"table": "Table 2"},
        ),
        long=report(
            f"{OUT}/table2_long.csv",
            caption="../report/table2_long.rst",
            category="Tables",
            labels={"table": "Table 2, long form"},
        ),
    log:
        f"{OUT}/logs/tabulate_table2.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(500),
    params:
        families=CONFIG.students.families,
        budgets=CONFIG.students.budgets,
        compare="--compare" if CONFIG.report.compare_with_paper else "--no-compare",
        fingerprint=fingerprint("mimic.report.tabulate_table2"),
    shell:
        "python -m mimic.report.tabulate_table2"
        " --studies {input.studies:q} --families {params.families:q} --budgets {params.budgets:q}"
        " --out {output.table:q} --long {output.long:q} {params.compare} > {log:q} 2>&1"


rule plot_figure1:
    """Accuracy against parameters: five best of each study, hard labels, ensemble (Urban, Figure 1)."""
    input:
        studies=expand(f"{OUT}/students/{{study}}/trials.csv", study=study_names()),
        hard_studies=expand(f"{OUT}/students/{{study}}/trials.csv", study=hard_study_names()),
        teachers=TEACHERS,
        ensemble=MEMBERS,
    output:
        png=report(
            f"{OUT}/figure1.png",
            caption="../report/figure1.rst",
            category="Figures",
            labels={"figure": "Figure 1"},
        ),
        svg=f"{OUT}/figure1.svg",
        csv=report(
            f"{OUT}/figure1.csv",
            caption="../report/figure1_numbers.rst",
            category="Figures",
            labels={"figure": "Figure 1, numbers"},
        ),
    log:
        f"{OUT}/logs/plot_figure1.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        fingerprint=fingerprint("mimic.report.plot_figure1"),
    shell:
        "python -m mimic.report.plot_figure1"
        " --studies {input.studies:q} --hard-studies {input.hard_studies:q}"
        " --teachers {input.teachers:q} --ensemble {input.ensemble:q}"
        " --png {output.png:q} --svg {output.svg:q} --csv {output.csv:q} > {log:q} 2>&1"


rule plot_figure2:
    """Best accuracy of CNNs and of MLPs at every budget of the config (Urban, Figure 2)."""
    input:
        studies=expand(f"{OUT}/students/{{study}}/trials.csv", study=study_names()),
    output:
        png=report(
            f"{OUT}/figure2.png",
            caption="../report/figure2.rst",
            category="Figures",
            labels={"figure": "Figure 2"},
        ),
        svg=f"{OUT}/figure2.svg",
        csv=report(
            f"{OUT}/figure2.csv",
            caption="../report/figure2_numbers.rst",
            category="Figures",
            labels={"figure": "Figure 2, numbers"},
        ),
    log:
        f"{OUT}/logs/plot_figure2.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(1000),
    params:
        fingerprint=fingerprint("mimic.report.plot_figure2"),
    shell:
        "python -m mimic.report.plot_figure2"
        " --studies {input.studies:q}"
        " --png {output.png:q} --svg {output.svg:q} --csv {output.csv:q} > {log:q} 2>&1"


rule publish_report:
    """All results on one page that opens anywhere (Urban, Tables 1 and 2, Figures 1 and 2)."""
    input:
        # Each stands for all files of its study's trials: named one by one they would not fit on a command line.
        trials=expand(f"{OUT}/students/{{study}}/trials.csv", study=[*study_names(), *hard_study_names()]),
        teachers=TEACHERS,
        ensemble=MEMBERS,
        dataset=DATASET,
        epochs=epoch_shards()[0],
        targets=TARGETS,
    output:
        page=report(
            f"{OUT}/report.html",
            caption="../report/page.rst",
            category="Page",
            labels={"page": "Report"},
        ),
    log:
        f"{OUT}/logs/publish_report.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(1500),
    params:
        config=config_of_results,
        grid=grid_tables,
        win=win_tables,
        fingerprint=fingerprint("mimic.report.publish_report"),
    shell:
        'python -m mimic.report.publish_report --results "$(dirname {output.page:q})" --config {params.config:q}'
        " --out {output.page:q} > {log:q} 2>&1"
