"""A SLURM cluster of one node, from Debian's packages, for as long as a test needs it; its state is in one folder."""

import os
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager

PROGRAMS = ("munged", "mungekey", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol")
CONFIG = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=10
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
SchedulerParameters=defer_batch,sched_interval=1,batch_sched_delay=1,sched_min_interval=100000
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobRequeue=1
KillWait=30
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


class NotUpError(Exception):
    """A daemon does not start on this machine."""


def missing():
    """Say what a cluster needs that is not there; empty if it is all there."""
    if os.geteuid() != 0:
        return "SLURM's daemons need root"
    lacking = [name for name in PROGRAMS if _find(name) is None]
    return f"no {', '.join(lacking)}: apt-get install slurm-wlm munge" if lacking else ""


@contextmanager
def cluster(folder):
    """Run a cluster; yields the environment in which SLURM's commands and Python find it."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    config = folder / "slurm.conf"
    controller, daemon = _free_ports(2)
    told = {"host": socket.gethostname().split(".")[0], "folder": folder, "cpus": os.cpu_count()}
    config.write_text(CONFIG.format(controller=controller, daemon=daemon, **told))
    environment = {**os.environ, "SLURM_CONF": str(config)}
    key, munge = folder / "munge.key", folder / "munge.socket"
    subprocess.run([_find("mungekey"), "--create", f"--keyfile={key}"], check=True)
    files = [f"--{name}-file={folder}/munged.{name}" for name in ("pid", "log", "seed")]
    with ExitStack() as stack:
        daemons = (
            [_find("munged"), "--foreground", "--force", f"--socket={munge}", f"--key-file={key}", *files],
            [_find("slurmctld"), "-D", "-f", str(config)],
            [_find("slurmd"), "-D", "-f", str(config)],
        )
        for command in daemons:
            stack.enter_context(_running(command, environment))
            _wait_until(munge.exists, "munged", folder)
        _wait_until(lambda: "idle" in _sinfo(environment), "slurmctld or slurmd", folder)
        yield environment


@contextmanager
def _running(command, environment):
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _sinfo(environment):
    done = subprocess.run([_find("sinfo"), "-h", "-o", "%T"], env=environment, capture_output=True, text=True)
    return done.stdout


def _wait_until(true, what, logs, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            told = {path.name: path.read_text(errors="replace").splitlines()[-1:] for path in logs.glob("*log")}
            raise NotUpError(f"{what} did not come up in {seconds} s: {told}")
        time.sleep(0.2)


def _find(program):
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
