"""Reads a results.h5 as a user of h5py and pandas would, and checks it against itself.

python3 read_results.py results.h5 ROWS   prints /results; exit code 0 where the file is as the
design says and has ROWS rows, 1 where it is not, 77 where h5py or pandas is not installed.
"""
import sys

try:
    import h5py
    import numpy
    import pandas
except ImportError as missing:
    print(missing)
    sys.exit(77)

COLUMNS = """key defense attack epsilon seed images clean_correct robust_correct clean_accuracy
robust_accuracy robust_accuracy_of_correct ci_low ci_high mean_linf max_linf mean_l2 gradients
forwards seconds""".split()
KINDS = "SSS" + "f" + "uuuu" + "ffffffff" + "uuf"  # numpy's letters
TEXTS = """advgrid_version git_commit job job_digest dataset dataset_sha256 hosts cpu kernels mpi
blas hdf5 slurm_job_id slurm_array_job_id slurm_array_task_id slurm_nodes""".split()
INTEGERS = "schema_version complete ranks threads restarts slurm_restart_count".split()
SAMPLES = "index label clean_prediction prediction clean_margin margin linf l2".split()
SIDES = "defense attack epsilon seed".split()
MISSING, DONE, FAILED = range(3)


def check(condition, text):
    if not condition:
        sys.exit(f"{sys.argv[1]}: {text}")


def check_root(file):
    for name in TEXTS:
        check(isinstance(file.attrs.get(name), str), f"attribute {name} is not a text")
    for name in INTEGERS:
        check(isinstance(file.attrs.get(name), numpy.integer), f"attribute {name} is no integer")
    check(file.attrs["schema_version"] == 1, "schema_version is not 1")


def check_samples(group, row):
    check(sorted(group) == sorted(SAMPLES), f"the samples of {row.key} are {sorted(group)}")
    samples = {name: group[name][:] for name in SAMPLES}
    for name, values in samples.items():
        check(len(values) == row.images, f"samples {row.key}/{name} has {len(values)} values")
    clean = samples["clean_prediction"] == samples["label"]
    robust = clean & (samples["prediction"] == samples["label"])
    check(clean.sum() == row.clean_correct, f"clean_correct of {row.key}")
    check(robust.sum() == row.robust_correct, f"robust_correct of {row.key}")
    check(0 <= row.ci_low <= row.robust_accuracy <= row.ci_high <= 1, f"interval of {row.key}")
    if not clean.any():
        check(numpy.isnan(row.robust_accuracy_of_correct), f"accuracy of none in {row.key}")
        return
    expected = {"clean_accuracy": clean.mean(), "robust_accuracy": robust.mean(),
                "robust_accuracy_of_correct": robust[clean].mean(),
                "mean_linf": samples["linf"][clean].mean(dtype=float),
                "max_linf": samples["linf"][clean].max(),
                "mean_l2": samples["l2"][clean].mean(dtype=float)}
    for name, value in expected.items():
        check(numpy.isclose(getattr(row, name), value), f"{name} of {row.key}; expected {value}")


def check_grid(grid, frame):
    accuracy, status = grid["robust_accuracy"], grid["status"]
    scales = {side: grid[side][:] for side in SIDES}
    for dataset in accuracy, status:
        check([dimension.label for dimension in dataset.dims] == SIDES, f"sides of {dataset.name}")
        for dimension, side in zip(dataset.dims, SIDES):
            check(dimension[0].name == f"/grid/{side}", f"scale {side} of {dataset.name}")
        check(dataset.shape == tuple(len(scales[side]) for side in SIDES), "shape of the grid")
    check(status.dtype == numpy.int8, "grid/status is not int8")
    check(numpy.array_equal(numpy.isnan(accuracy[:]), status[:] != DONE),
          "accuracies are not there exactly where status is done")
    check((status[:] == DONE).sum() == len(frame), "grid/status and /results disagree")
    for row in frame.itertuples():
        place = tuple(list(scales[side]).index(getattr(row, side)) for side in SIDES)
        check(accuracy[place] == row.robust_accuracy, f"grid at {place}")


def check_gates(table):
    check(table.dtype.names == ("gate", "verdict", "text"), f"columns of the gates: {table.dtype}")
    rows = [[text.decode() for text in row] for row in table]
    check(len({row[0] for row in rows}) == 9, f"gates {rows}")
    for _, verdict, text in rows:
        check(verdict in ("passed", "failed", "not applicable") and text, f"gates {rows}")


def main():
    with h5py.File(sys.argv[1], "r") as file:
        frame = pandas.DataFrame(file["results"][:])
        print(frame.to_string())
        check(list(frame.columns) == COLUMNS, f"columns are {list(frame.columns)}")
        kinds = "".join(file["results"].dtype[name].kind for name in COLUMNS)
        check(kinds == KINDS, f"types of the columns are {kinds}; expected {KINDS}")
        check(len(frame) == int(sys.argv[2]), f"{len(frame)} rows; expected {sys.argv[2]}")
        check_root(file)
        check_grid(file["grid"], frame)
        check_gates(file["gates"][:])
        for row in frame.itertuples():
            check_samples(file["samples"][row.key.decode()], row)
        done = (file["grid/status"][:] == DONE).all()
        check(file.attrs["complete"] == int(done), "attribute complete")
        for name, table in file["training"].items():
            print(name)
            print(pandas.DataFrame(table[:]).to_string())
        if "failures" in file:
            print(pandas.DataFrame(file["failures"][:]).to_string())


main()
