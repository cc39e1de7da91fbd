#!/usr/bin/env bash
# A real Slurm on one bare Debian machine or container, as root and without systemd, for tests.
#   daemons.sh start|stop        GPUS=2: how many GPUs it believes to have
# Not for a machine that runs Slurm already: it writes /etc/slurm.
set -euo pipefail

GPUS=${GPUS:-2}
ETC=/etc/slurm RUN=/run/mimic-slurm LOG=/var/log/mimic-slurm STATE=/var/lib/mimic-slurm

fail() { echo "error: $*" >&2; exit 1; }

# Until a command succeeds, or so many seconds have passed.
within() {
    local seconds=$1; shift
    for _ in $(seq $((seconds * 5))); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
    tail -n 20 "$LOG"/*.log >&2 || true
    fail "$* did not succeed within $seconds s"
}

stop() {
    local name pid
    for name in slurmd slurmctld munged; do
        pid=$(cat "$RUN/$name.pid" 2>/dev/null) || continue
        kill "$pid" 2>/dev/null && within 20 sh -c "! kill -0 $pid"
        rm -f "$RUN/$name.pid"
    done
}

install_packages() {
    command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v munged >/dev/null && return
    command -v apt-get >/dev/null || fail "Slurm is not installed, and there is no apt-get to install it"
    apt-get update -qq || fail "Slurm is not installed, and apt-get reaches no archive"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge >/dev/null ||
        fail "apt-get could not install slurm-wlm"
}

configure() {
    local host cpus memory device
    host=$(hostname -s) cpus=$(nproc) memory=$(awk '/MemTotal/ {printf "%d", $2 / 1024 * 0.9}' /proc/meminfo)
    # Each GPU needs a character device of its own; whatever it is, Slurm sets CUDA_VISIBLE_DEVICES.
    local devices=(null zero full random urandom)
    [ "$GPUS" -ge 1 ] && [ "$GPUS" -le ${#devices[@]} ] || fail "GPUS: expected 1 to ${#devices[@]}, got $GPUS"
    for device in "${devices[@]:0:$GPUS}"; do
        echo "NodeName=$host Name=gpu File=/dev/$device"
    done >"$ETC/gres.conf"
    # Two partitions over one node: jobs of `urgent` preempt those of `gpu`, which are queued again.
    cat >"$ETC/slurm.conf" <<CONF
ClusterName=mimic
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
SlurmctldPidFile=$RUN/slurmctld.pid
SlurmdPidFile=$RUN/slurmd.pid
StateSaveLocation=$STATE/slurmctld
SlurmdSpoolDir=$STATE/slurmd
SlurmctldLogFile=$LOG/slurmctld.log
SlurmdLogFile=$LOG/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/linux
AccountingStorageType=accounting_storage/none
ReturnToService=2
SchedulerParameters=batch_sched_delay=0,sched_interval=5,bf_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
KillWait=10
MinJobAge=3600
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$memory Gres=gpu:$GPUS State=UNKNOWN
PartitionName=gpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL Default=NO MaxTime=INFINITE State=UP PriorityTier=10
CONF
}

start() {
    [ "$(id -u)" = 0 ] || fail "Slurm's daemons need root here"
    install_packages
    [ ! -e "$ETC/slurm.conf" ] || grep -q ClusterName=mimic "$ETC/slurm.conf" ||
        fail "$ETC/slurm.conf: another cluster's; it is left as it is"
    stop
    mkdir -p "$ETC" "$RUN" "$LOG" "$STATE/slurmctld" "$STATE/slurmd"
    install -d -o munge -g munge -m 700 /etc/munge /var/lib/munge /var/log/munge
    install -d -o munge -g munge -m 755 /run/munge
    if [ ! -s /etc/munge/munge.key ]; then
        head -c 1024 /dev/urandom >/etc/munge/munge.key
        chown munge:munge /etc/munge/munge.key
        chmod 400 /etc/munge/munge.key
    fi
    configure
    runuser -u munge -- /usr/sbin/munged --force --pid-file=/run/munge/munged.pid
    within 10 sh -c 'munge -n | unmunge'
    cp /run/munge/munged.pid "$RUN/munged.pid"
    rm -rf "${STATE:?}"/slurmctld/*
    slurmctld -c
    within 20 scontrol ping
    slurmd
    within 30 sh -c "sinfo -h -o %t | grep -qE 'idle|mix|alloc'"
    sinfo -o '%P %D %t %c %m %G'
}

case "${1:-}" in
    start) start ;;
    stop) stop ;;
    *) fail "expected start or stop, got '${1:-}'" ;;
esac
