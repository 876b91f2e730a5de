"""A Slurm cluster of a test's own: munged, slurmctld and some slurmd on loopback, in a folder of
their own. Every wait is bounded, and all that was started ends with the test, however that ends.
Used as: `with Cluster() as cluster: main([...])`, where Slurm is missing the test is skipped."""
import ctypes
import datetime
import getpass
import os
import random
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from slurm.guard import LIBC, descendants, die_with_parent, guard, kill_all, parents
from support.runner import Failure, check

COMMANDS = ("munged munge unmunge slurmctld slurmd scontrol sinfo squeue sbatch srun scancel "
            "mpirun").split()
START = 30  # seconds that the whole start may take
NEW_NAMES, NEW_MOUNTS, BIND, SLAVE, RECURSIVE = 0x04000000, 0x00020000, 4096, 1 << 19, 16384
ENDED = ("COMPLETED CANCELLED FAILED TIMEOUT NODE_FAIL OUT_OF_MEMORY PREEMPTED BOOT_FAIL "
         "DEADLINE").split()

CONFIGURATION = """ClusterName=advgridtest
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={control_port}
{communication}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
# cred_expire is also how long a job waits when it is requeued
AuthInfo=socket={folder}/m/s,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
# nodes that share it collide in PMIx
TmpFS={folder}/tmp/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld
SlurmdLogFile={folder}/log/slurmd.%n
# at debug2 the log says when limits were looked at
SlurmctldDebug=debug2
SlurmdDebug=info
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
PriorityType=priority/basic
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
JobAcctGatherType=jobacct_gather/none
JobRequeue=1
KillWait=2
MessageTimeout=5
SlurmdTimeout=8
MinJobAge=600
InactiveLimit=0
UnkillableStepTimeout=20
ReturnToService=2
# Not above a job's nodes: else a fence of PMIx does not wait for other nodes, in Slurm 22.05
TreeWidth=2
# more processors than this machine has
SlurmdParameters=config_overrides
{nodes}
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def require_slurm():
    """Skips the test (exit code 77) where a command is missing."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    for name in COMMANDS:
        if shutil.which(name) is None:
            print(f"skipped: there is no {name} here; .ci/packages tests installs Slurm")
            sys.exit(77)


# ---- places ------------------------------------------------------------------------------------

def free_ports(count):
    """Ports below those that the kernel hands out by itself."""
    ports = []
    while len(ports) < count:
        port = random.randrange(10000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports += [port] if port not in ports else []
    return ports


def enter(name, hosts):
    """In a child: a host name of its own, and hosts that resolve to loopback."""
    if LIBC.unshare(NEW_NAMES | NEW_MOUNTS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    socket.sethostname(name)
    if (LIBC.mount(b"none", b"/", None, SLAVE | RECURSIVE, None) != 0 or
            LIBC.mount(hosts.encode(), b"/etc/hosts", None, BIND, None) != 0):
        raise OSError(ctypes.get_errno(), "mount")


def can_enter(hosts):
    """Root may, except in a container that forbids it."""
    child = os.fork()
    if child == 0:
        try:
            enter("probe", hosts)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def resolves_to_loopback():
    try:
        return socket.gethostbyname(socket.gethostname()) == "127.0.0.1"
    except OSError:
        return False


class Cluster:
    """nodes n1, n2, ..., each with that many processors. Environment variables that commands need,
    Slurm's and Open MPI's, are set in os.environ."""

    def __init__(self, nodes=4, cpus=2):
        require_slurm()
        self.folder = guard()
        self.names = [f"n{i + 1}" for i in range(nodes)]
        self.cpus, self.daemons = cpus, {}
        os.chmod(self.folder, 0o755)
        for name in "m", "state", "log", "hosts", *(f"spool/{node}" for node in self.names), \
                *(f"tmp/{node}" for node in self.names):
            os.makedirs(self.path(name))
        for name in ["control", *self.names]:
            others = (f"127.0.1.{i + 1} {node}\n" for i, node in enumerate(self.names)
                      if node != name)
            self.write(f"hosts/{name}", f"127.0.0.1 localhost {name} {socket.gethostname()}\n" +
                       "".join(others))
        self.own_names = can_enter(self.path("hosts/control"))
        self.set_environment()

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="ascii") as file:
            file.write(text)

    def set_environment(self):
        for name in list(os.environ):
            if name.startswith(("SLURM", "SBATCH", "SRUN", "PMI")):
                del os.environ[name]  # of a job that the test itself runs in
        os.environ.update(
            SLURM_CONF=self.path("slurm.conf"), LC_ALL="C",
            OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
            # Nodes of one host name would take each other's shared memory for their own.
            OMPI_MCA_btl="self,vader,tcp" if self.own_names else "self,tcp", OMPI_MCA_pml="ob1",
            OMPI_MCA_btl_tcp_if_include="lo", OMPI_MCA_oob_tcp_if_include="lo",
            OMPI_MCA_btl_vader_single_copy_mechanism="none", OMPI_MCA_mpi_yield_when_idle="1",
            OMPI_MCA_hwloc_base_binding_policy="none", OMPI_MCA_rmaps_base_oversubscribe="1",
            # Who is killed leaves shared memory: in this folder it goes with the cluster.
            OMPI_MCA_btl_vader_backing_directory=self.path("tmp"),
            OMPI_MCA_osc_sm_backing_directory=self.path("tmp"),
            ASAN_OPTIONS="detect_leaks=0", UBSAN_OPTIONS="print_stacktrace=1")

    # ---- start -----------------------------------------------------------------------------

    def __enter__(self):
        self.write("key", "".join(random.choices("0123456789abcdef", k=128)))
        os.chmod(self.path("key"), 0o600)
        self.spawn("munged", "munged", "-F", f"--key-file={self.path('key')}",
                   f"--socket={self.path('m/s')}", f"--seed-file={self.path('seed')}",
                   f"--pid-file={self.path('munged.pid')}", f"--log-file={self.path('log/munge')}")
        self.wait_for(lambda: os.path.exists(self.path("m/s")), "munged", START)
        for attempt in range(3):  # somebody may take a port in between
            try:
                self.start_daemons()
                return self
            except Failure:
                if attempt == 2:
                    raise
                for name in ["slurmctld", *self.names]:
                    self.kill(name)

    def start_daemons(self):
        control, *ports = free_ports(1 + len(self.names))
        loopback = self.own_names or resolves_to_loopback()
        nodes = (f"NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} "
                 f"CPUs={self.cpus} RealMemory=65536 State=UNKNOWN"
                 for name, port in zip(self.names, ports))
        # Containers have no control groups mounted, and of the two plugins this one starts without.
        self.write("cgroup.conf", "CgroupPlugin=cgroup/v1\n")
        self.write("slurm.conf", CONFIGURATION.format(
            control_port=control, folder=self.folder, user=getpass.getuser(),
            nodes="\n".join(nodes), communication="CommunicationParameters=NoInAddrAny,"
            "NoCtldInAddrAny" if loopback else ""))
        self.spawn("slurmctld", "slurmctld", "-D", host="control")
        for name in self.names:
            self.start_node(name)
        self.wait_for(lambda: self.node_states() == {name: "idle" for name in self.names},
                      "idle nodes", START)

    def spawn(self, name, *command, host=None):
        """A daemon; it dies with this process."""
        def prepare():
            die_with_parent()
            if host is not None and self.own_names:
                enter(host, self.path("hosts", host))

        with open(self.path("log", f"{name}.out"), "wb") as log:
            self.daemons[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                start_new_session=True, preexec_fn=prepare,
                env={"PATH": os.environ["PATH"], "HOME": "/", "LC_ALL": "C",
                     "SLURM_CONF": self.path("slurm.conf")})

    def start_node(self, name):
        self.spawn(name, "slurmd", "-D", "-N", name, host=name)

    def kill(self, name):
        """SIGKILL to a daemon; of a node, to all of it, so that nothing is said to the others."""
        daemon = self.daemons.pop(name, None)
        if daemon is None:
            return
        steps = {process for process in parents() if self.is_step(process, name)}
        tasks = descendants(steps)
        daemon.kill()
        kill_all(steps)  # before their tasks, of whose end they would tell
        kill_all(tasks | descendants(steps))
        daemon.wait(10)

    def is_step(self, process, node):
        """Whether it is a slurmstepd, which has left its slurmd, of that node."""
        try:
            if "slurmstepd" not in os.readlink(f"/proc/{process}/exe"):
                return False
            logs = (os.readlink(f"/proc/{process}/fd/{name}")
                    for name in os.listdir(f"/proc/{process}/fd"))
            return self.path("log", f"slurmd.{node}") in logs
        except OSError:
            return False

    def __exit__(self, *_):
        """Jobs that are left end in order, so that nothing of theirs stays; then guard() kills."""
        self.run("scancel", "--user", getpass.getuser(), "--signal=KILL", code=None)
        self.run("scancel", "--user", getpass.getuser(), code=None)
        end = time.monotonic() + 10
        while self.run("squeue", "--noheader", code=None).stdout and time.monotonic() < end:
            time.sleep(0.2)

    # ---- use -------------------------------------------------------------------------------

    def run(self, *command, code=0, timeout=20, **more):
        """A command of Slurm's."""
        try:
            result = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                                    capture_output=True, text=True, timeout=timeout, check=False,
                                    **more)
        except subprocess.TimeoutExpired:
            raise Failure(f"{command} took more than {timeout} s") from None
        check(code is None or result.returncode == code,
              f"{command}: exit code {result.returncode}\n{result.stdout}{result.stderr}")
        return result

    def wait_for(self, condition, what, seconds):
        end = time.monotonic() + seconds
        while not condition():
            for name, daemon in self.daemons.items():
                check(daemon.poll() is None, f"{name} ended: {self.said(name)}")
            check(time.monotonic() < end, f"no {what} in {seconds} s")
            time.sleep(0.05)

    def said(self, name):
        with open(self.path("log", f"{name}.out"), encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def node_states(self):
        """{name: state}, such as idle, allocated, mixed, down; empty while nobody answers."""
        result = self.run("sinfo", "--noheader", "--Node", "--format=%N %T", code=None)
        return dict(line.split() for line in result.stdout.splitlines())

    def submit(self, program, script, *arguments, options=()):
        """sbatch in the program's folder; the job's number. Its log is program.path(f"{job}.log")
        where the options do not say otherwise."""
        result = self.run("sbatch", "--parsable", "--output=%j.log", *options, script, *arguments,
                          cwd=program.folder,
                          env={**program.environment, "ADVGRID": program.binary})
        return result.stdout.strip()

    def job(self, job):
        """What scontrol says of a job: {"JobState": ..., "Restarts": ..., "NodeList": ...}."""
        line = self.run("scontrol", "--oneliner", "show", "job", job).stdout
        return dict(word.split("=", 1) for word in line.split() if "=" in word)

    def nodes(self, job):
        """The names of a job's nodes, the one where its script runs first."""
        return self.run("scontrol", "show", "hostnames",
                        self.job(job)["NodeList"]).stdout.split()

    def limits_due(self):
        """The seconds until Slurm looks at time limits the next time, which it does every thirty."""
        times = []
        with open(self.path("log/slurmctld"), encoding="utf-8", errors="replace") as file:
            for line in file:
                if not times or "Testing job time limits" in line:
                    stamp = datetime.datetime.fromisoformat(line[1:line.index("]")])
                    times.append(stamp.timestamp())
        return (times[-1] - time.time()) % 30

    def log(self, program, job):
        try:
            with open(program.path(f"{job}.log"), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def until(self, program, job, condition, what, seconds=60):
        """Waits for a condition that must hold before the job has ended."""
        end = time.monotonic() + seconds
        while not condition():
            state = self.job(job)["JobState"]
            if state in ENDED or time.monotonic() > end:
                raise Failure(f"no {what} of job {job}, {state}\n{self.log(program, job)}")
            time.sleep(0.05)

    def wait(self, program, job, state="COMPLETED", seconds=120):
        """Waits for a job's end, which must be that one; returns what scontrol says of it."""
        end = time.monotonic() + seconds
        while (fields := self.job(job))["JobState"] not in ENDED and time.monotonic() < end:
            time.sleep(0.2)
        check(fields["JobState"] == state, f"job {job} is {fields['JobState']}, not {state}\n"
              f"{self.log(program, job)}")
        return fields
