/* advgrid/report.h: results for a person to read. Knows the store, and no run. */
#ifndef ADVGRID_REPORT_H
#define ADVGRID_REPORT_H

#include "advgrid/store.h"

/** Appends a table for each model: an attack a row, an epsilon a column, accuracies in percent
 *  over all evaluated images; what is missing is "-", what failed "failed". */
ag_status ag_report_table(const ag_ledger *ledger, ag_text *text);

/** Appends the sanity gates, one a line: those that failed, those that passed, those that are not
 *  applicable. Nothing where no point is done. */
ag_status ag_report_gates(const ag_ledger *ledger, ag_text *text);

/** Appends a line with what Slurm says of the folder's last run, if that was a job of Slurm's: its
 *  state and the reason, nodes, the time left. Asks squeue, and sacct where squeue has forgotten
 *  it, for at most 5 seconds each; what they cannot tell, and why, is part of the line. Fails with
 *  AG_OUT_OF_MEMORY, or with AG_INTERRUPTED as ag_program_run does. */
ag_status ag_report_slurm(const ag_ledger *ledger, ag_text *text);

/** Writes folder/report.html, a page of its own with tables and figures, and folder/figures, from
 *  folder/results.h5 alone; what that lacks is shown as missing. Where gnuplot is not there or
 * fails the page is written without figures, and why is appended to trouble. Starts a program, and
 * so is not for ranks under MPI before its end. Fails with AG_INVALID_ARGUMENT where there is no
 * such file yet, with AG_BAD_STORE where it is no result file, with AG_IO_ERROR, AG_INTERRUPTED. */
ag_status ag_report_page(const char *folder, ag_text *trouble);

/** Writes output/comparison.html, the same kind of page, and output/figures: what is known of the
 *  points that at least two of the folders have, by the name and the settings of their attack,
 * beside each other, from the results.h5 of each. A point is paired, image by image, with that of
 * the first folder before that has one of the same images, epsilon and seed: that of the defense of
 * the same name there, or else of the one that defends nothing. output: new, empty, or with such a
 * page in it; nothing is written before all folders are read. count > 1. Fails as ag_report_page
 * does, and with AG_INVALID_ARGUMENT where two of the folders are one, where they share no attack
 * at an epsilon, or where output is another's or in one of them. */
ag_status ag_report_comparison(const char *const *folders, size_t count, const char *output,
                               ag_text *trouble);

/** Writes folder/csv/ from folder/results.h5: points.csv, training.csv, gates.csv, ranks.csv,
 *  timeline.csv and failures.csv, of which those are there that results.h5 has; with `samples` also
 * samples/KEY.csv, the images of each point. Columns are named as in results.h5, numbers come back
 * to the bit. All files are written before one of them takes its name. Appends what was written.
 * Fails with AG_INVALID_ARGUMENT where there is no results.h5, with AG_BAD_STORE where it holds
 * what is no table, with AG_IO_ERROR; then the files that were there are as they were. */
ag_status ag_export_csv(const char *folder, bool samples, ag_text *text);

/** Compares the results in two folders bit for bit: every dataset and attribute of results.h5 and
 *  of each models/NAME.h5, types and shapes included; not times, hosts, ranks, threads, versions
 *  and the like, nor the gates, which follow from the samples. Points are matched by defense,
 * attack, epsilon and seed. Appends one line where all is equal; else the first difference (in the
 * order job, training, models, samples, results, grid, others), how many more there are, and the
 * kernels where these are not the same. Fails with AG_IO_ERROR, AG_BAD_STORE or AG_BAD_MODEL where
 * a folder or a file is not there or damaged, also where neither folder has the file of a model
 * that a complete job trained. */
ag_status ag_verify(const char *first, const char *second, ag_text *text, bool *equal);

#endif
