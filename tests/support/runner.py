"""What the tests of the whole program share: running it, under mpirun or alone, and reading the
folders that it leaves. Every command is bounded in time."""
import atexit
import hashlib
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

TIMEOUT = 120
RUN, EPOCH, MODEL, UNIT, FAILED, RANKS, SPAN = range(1, 8)  # what the journal's records are of
CROWDED = re.compile(r"advgrid: \S+: (\d+ ranks? with \d+ threads? in all|rank \d+ is bound|"
                     r"ranks \d+ and \d+ are bound)")
SAMPLES = "index label clean_prediction prediction clean_margin margin linf l2".split()


def require(*modules):
    """Skips the test (exit code 77) where Python lacks one of the modules."""
    for name in modules:
        try:
            __import__(name)
        except ImportError:
            print(f"skipped: Python has no {name}")
            sys.exit(77)


class Failure(Exception):
    """A test's finding."""


def check(condition, text):
    if not condition:
        raise Failure(text)


class Result:
    """What a command left behind."""

    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds

    def messages(self):
        """The lines of stderr that advgrid speaks in its own name (mpirun adds its own), but for
        those on how full the cores are, which depend on the machine."""
        return [line for line in self.err.splitlines()
                if line.startswith("advgrid") and not CROWDED.match(line)]

    def __str__(self):
        return f"exit code {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}"


class Program:
    """The advgrid under test, in a temporary folder of its own."""

    def __init__(self, binary):
        self.binary = os.path.abspath(binary)
        self.folder = tempfile.mkdtemp(prefix="advgrid-test-")
        # What a batch job's shell has, and its steps, would be taken for this program's own.
        self.environment = {name: value for name, value in os.environ.items()
                            if name == "SLURM_CONF" or
                            not name.startswith(("SLURM_", "SRUN_", "PMIX_", "PMI_"))}
        self.environment.update(
            OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
            OMPI_MCA_rmaps_base_oversubscribe="1", LC_ALL="C",
            OMPI_MCA_mpi_yield_when_idle="1",  # the cores are shared, if only with the other tests
            # Open MPI keeps memory until the end. What is undefined must still be seen.
            ASAN_OPTIONS="detect_leaks=0", UBSAN_OPTIONS="print_stacktrace=1")
        self.environment.pop("ADVGRID_CIFAR10", None)
        self.reports = False  # whether runs write their page
        self.user = None  # who commands are run as, where this script is root's

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text):
        mode = "wb" if isinstance(text, bytes) else "w"
        with open(self.path(name), mode) as file:
            file.write(text)
        return self.path(name)

    def command(self, ranks, arguments):
        """ranks 0: without mpirun. Runs draw no report where the test is not about that."""
        line = [self.binary, *map(str, arguments)]
        if not self.reports and line[1:2] == ["run"]:
            line.insert(2, "--no-report")
        if ranks == 0:
            return line
        return ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), *line]

    def start(self, *arguments, ranks=0):
        """A running command, its output in files that wait() reads."""
        out, err = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")
        process = subprocess.Popen(self.command(ranks, arguments), stdout=out, stderr=err,
                                   stdin=subprocess.DEVNULL, cwd=self.folder,
                                   env=self.environment, start_new_session=True,
                                   user=self.user)
        process.files, process.started = (out, err), time.monotonic()
        return process

    def wait(self, process, timeout=TIMEOUT, crashes=("Segmentation fault",)):
        """The result of a command; crashes: signs of one, beside what sanitizers say."""
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill(process)
            raise Failure(f"{process.args} took more than {timeout} s") from None
        texts = []
        for file in process.files:
            file.seek(0)
            texts.append(file.read())
            file.close()
        result = Result(code, *texts, time.monotonic() - process.started)
        for sign in "AddressSanitizer", "runtime error:", "Assertion", *crashes:
            check(sign not in result.err, f"{process.args}: {sign}\n{result}")
        return result

    def kill(self, process):
        """SIGKILL to all processes of the command's group: no one cleans up."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def run(self, *arguments, ranks=0, code=0, timeout=TIMEOUT):
        result = self.wait(self.start(*arguments, ranks=ranks), timeout)
        if code is not None:
            check(result.code == code,
                  f"{arguments} on {ranks} ranks: expected exit code {code}\n{result}")
        return result

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


REFERENCES = {}


def status_lines(program, folder):
    """What `advgrid status` says."""
    return program.run("status", folder).out.splitlines()


def check_same_as_alone(program, text, got):
    """The folder verifies against one of the same job that was run once and left alone; a script
    runs each such job once."""
    if text not in REFERENCES:
        alone = Program(program.binary)
        atexit.register(alone.remove)
        os.chmod(alone.folder, 0o755)  # for tests that run as somebody else
        alone.run("run", alone.write("job.yaml", text), "-o", "out", "-t", 1, ranks=2)
        REFERENCES[text] = alone.path("out")
    result = program.run("verify", REFERENCES[text], got, code=None)
    check(result.code == 0 and result.out.startswith("equal: "), f"{result}")


def main(tests):
    """Runs the tests of a script on the binary its first argument names, and reports them."""
    failed = 0
    for test in tests:
        program = Program(sys.argv[1])
        begin = time.monotonic()
        try:
            test(program)
            print(f"ok      {test.__name__}  {time.monotonic() - begin:.1f} s", flush=True)
        except Failure as failure:
            failed += 1
            print(f"FAILED  {test.__name__}: {failure}", flush=True)
        finally:
            program.remove()
    sys.exit(1 if failed else 0)


# ---- jobs ------------------------------------------------------------------------------------

def job(name="tiny", training_images=600, epochs=2, peak="0.02", defenses="[{kind: none}]",
        attacks="[{kind: fgsm}, {kind: pgd, steps: 5}]", epsilons="[0, 2/255, 8/255]", images=120,
        block=40, batch=16, shard=8, validation_images=100, training="", more=""):
    """A small network on few synthetic images. training, more: further lines of that section and of
    the whole."""
    return f"""name: {name}
dataset: {{kind: synthetic, training_images: {training_images},
          validation_images: {validation_images}, test_images: 400}}
model: {{kind: small}}
training:
  epochs: {epochs}
  batch: {batch}
  shard: {shard}
  optimizer: {{kind: sgd}}
  schedule: {{kind: one-cycle, peak: {peak}}}
{training}
defenses: {defenses}
attacks: {attacks}
epsilons: {epsilons}
evaluation: {{images: {images}, block: {block}}}
{more}"""


NOISY = "{kind: gaussian-noise, name: noisy, sigma: 0.05, draws: 2}"
ADVERSARIAL = ("{kind: adversarial-training, name: at, steps: 2, restarts: 2, mix: 0.7, warmup: 1.5, "
               "epsilon: 2/255, sigma: 0.05, draws: 2}")


def grid(training_images=203, steps=4, second=NOISY, **changes):
    """A job with a bit of everything: two models to train, clipping, averaging, augmentation, noise
    in training and under attack, batches that no shard divides and that do not divide the images.
    """
    return job(name="grid", training_images=training_images, batch=27, shard=4, block=20,
               training="  clip: 0.5\n  averaging: 0.9\n  augmentation: [flip, crop]",
               defenses=f"[{{kind: none}}, {second}]",
               attacks=f"[{{kind: fgsm}}, {{kind: pgd, steps: {steps}, restarts: 2}}]",
               **{"images": 50, **changes})


def machine(model="small", flops=1052672, latency="1e-6"):
    """A machine as bench --scaling measures it."""
    return f"""cpu: a core of the test
model: {model}
threads: 2
seconds: {{training: 3e-3, adversarial: 2e-2, forward: 1e-3, gradient: 2e-3}}
flops: {{forward: {flops}, input_gradient: {flops}, weight_gradient: {flops}}}
latency: {latency}
bandwidth: 1e9
"""


# ---- a run that goes on ------------------------------------------------------------------------

def processes(process):
    """Of a command under mpirun on this machine: the process of each rank that has started."""
    found = {}
    try:
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
            children = [int(child) for child in file.read().split()]
        for child in children:
            with open(f"/proc/{child}/environ", "rb") as file:
                variables = dict(entry.split(b"=", 1) for entry in file.read().split(b"\0")
                                 if b"=" in entry)
            if b"OMPI_COMM_WORLD_RANK" in variables:
                found[int(variables[b"OMPI_COMM_WORLD_RANK"])] = child
    except OSError:
        pass  # one that has just ended
    return found


def said(process):
    """What a command that goes on has written to stderr; read without moving where it writes."""
    return os.pread(process.files[1].fileno(), 1 << 20, 0).decode()


def wait_until(program, process, condition, what):
    """Waits until condition() holds; the command must still be going on then."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end and process.poll() is None:
        if condition():
            return
        time.sleep(0.005)
    if process.poll() is None:
        program.kill(process)
        raise Failure(f"{process.args}: no {what} in {TIMEOUT} s")
    raise Failure(f"no {what} before the end\n{program.wait(process)}")


# ---- what a run leaves -------------------------------------------------------------------------

def journal(folder):
    """The whole records of a journal: (kind, key, payload)."""
    if not os.path.exists(os.path.join(folder, "journal")):
        return []
    with open(os.path.join(folder, "journal"), "rb") as file:
        data = file.read()
    if len(data) < 16:
        return []  # which a run has just made, or was killed in making
    check(data[:8] == b"advgridJ", "the journal's mark")
    records, offset = [], 16
    while offset + 64 <= len(data):
        _, kind, size = struct.unpack_from("<IIQ", data, offset)
        end = offset + 48 + size
        if hashlib.sha256(data[offset:end]).digest()[:16] != data[end:end + 16]:
            break
        records.append((kind, data[offset + 16:offset + 48], data[offset + 48:end]))
        offset = end + 16
    return records


def recorded(folder, wanted):
    """The keys of a journal's records of one kind, in order."""
    return [key for kind, key, _ in journal(folder) if kind == wanted]


def units(folder):
    """The keys of the units that a journal says are done, in order."""
    return recorded(folder, UNIT)


def rows(folder):
    """/results as a list of mappings, texts decoded."""
    import h5py
    with h5py.File(os.path.join(folder, "results.h5")) as file:
        table = file["results"][:]
    plain = []
    for row in table:
        values = {name: row[name] for name in table.dtype.names}
        plain.append({name: value.decode() if isinstance(value, bytes) else value
                      for name, value in values.items()})
    return plain


def samples(folder):
    """The bytes of every per-image outcome: {(defense, attack, epsilon): {name: bytes}}."""
    import h5py
    found = {}
    with h5py.File(os.path.join(folder, "results.h5")) as file:
        for row in rows(folder):
            place = row["defense"], row["attack"], float(row["epsilon"])
            group = file["samples"].get(row["key"])
            check(group is not None, f"no samples of {place}")
            found[place] = {name: group[name][:].tobytes() for name in SAMPLES}
    return found


def check_same_samples(got, want, what):
    check(sorted(got) == sorted(want), f"{what}: the points differ")
    for place, values in want.items():
        for name in SAMPLES:
            check(got[place][name] == values[name], f"{what}: {name} of {place} differs")
