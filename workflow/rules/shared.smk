# Step shared: another run's targets in place of the steps teachers, ensemble, epochs and logits
# reads:  a pack (file or address), or what `mimic unpack` has laid out already
# writes: shared/{split.h5,epochs.h5,targets.h5,members.json,teachers.csv,pack.json}


# What is there already is not fetched again, so that nothing is asked of a server that may be gone.
if CONFIG.shared.pack is not None and not is_unpacked(CONFIG.shared.digest):

    rule unpack_targets:
        """Lay out the targets that another run has packed (Urban 2.2)."""
        input:
            # The stage checks the digest, so that half a file is never taken for all of it.
            pack=(storage(CONFIG.shared.pack) if CONFIG.shared.is_address else CONFIG.shared.pack),
        output:
            parts=[str(path) for path in UNPACKED.all()],
        log:
            f"{OUT}/logs/unpack_targets.log",
        localrule: True
        threads: 1
        resources:
            mem_mb=growing(1000),
        params:
            digest=CONFIG.shared.digest or [],
            folder=str(UNPACKED.folder),
            fingerprint=fingerprint("mimic.shared.unpack_targets"),
            versions=cache_only_versions,
        shell:
            "python -m mimic.shared.unpack_targets --pack {input.pack:q} --digest {params.digest}"
            " --folder {params.folder:q} > {log:q} 2>&1"
