"""How shallow can a net be and still mimic a deep one?

One word a step, the same word everywhere: the rule file, the package, the key in ``config.yaml``, the
folder under the results, the test folder. Inside a step, rule name = module name = function name.

========  ======================================  ==============================================
step      rules                                   work done in
========  ======================================  ==============================================
data      prepare_dataset                         mimic/data/prepare_dataset.py
teachers  propose_teachers, train_teacher         mimic/teachers/<rule name>.py
ensemble  select_ensemble                         mimic/ensemble/select_ensemble.py
epochs    generate_epochs                         mimic/epochs/generate_epochs.py
logits    record_logits, average_logits           mimic/logits/<rule name>.py
shared    unpack_targets (and `mimic pack`)       mimic/shared/unpack_targets.py
students  propose_students, train_student         mimic/students/<rule name>.py
report    tabulate_..., plot_..., publish_report  mimic/report/<rule name>.py
shallow   train_group, expand_nets, ...           mimic/shallow/<rule name>.py (the second paper)
win       train_wide, imitate_block, finetune...  mimic/win/<rule name>.py (the third paper)
========  ======================================  ==============================================

Import order, downwards only (a test holds it)::

    for people          console (the command `mimic`), status (where a run stands), rehearsal (how long
                        it would take); they may import all, and nothing below imports them
    the steps           data teachers ensemble epochs logits shared students report shallow win
                        (a step reads another one only through its ``store``; report imports the floor only,
                        save that its page renders what the students saw through augment)
    the machinery       training search models augment gpus
                        (they do not know each other, save that training may render through augment)
    the floor           config seeding artifact sealed sealing fingerprint cli progress allocator
                        termination tables tensors drawing torchvision_import image_files
"""
