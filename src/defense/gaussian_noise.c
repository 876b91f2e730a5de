/* Gaussian noise behind a layer, in training and in use (Lecuyer et al. 2019, arXiv:1802.03471,
 * section 3; the paper's section 3.2): a prediction is the class of the mean logits over draws, or
 * of most draws, and an attack follows the mean gradient over draws of its own (Athalye et al.
 * 2018, arXiv:1802.00420), of which 1 is the paper's weaker attack. Behind the pixels, before they
 * are normalised and without a clip to [0,1], it is randomized smoothing (Cohen et al. 2019,
 * arXiv:1902.02918), which attack/certify.c has radii for. */
#include "defense/defense.h"
#include "defense/noise.h"

static const ag_option options[] = {
    {.name = "after",
     .type = AG_OPTION_TEXT,
     .initial = "conv1",
     .help = "the layer behind which noise is added; pixels: in front of the first"},
    {.name = "sigma",
     .type = AG_OPTION_NUMBER,
     .initial = "0.05",
     .minimum = 0,
     .maximum = 100,
     .help = "the noise's standard deviation"},
    AG_NOISE_DRAW_OPTIONS,
    AG_DEFENSE_FILE_OPTION,
    {0},
};

const ag_defense ag_defense_gaussian_noise = {
    .kind = {.name = "gaussian-noise",
             .help = "noise added behind a layer, in training and in use",
             .options = options},
    .change_layers = ag_noise_insert,
    .draws = ag_noise_draws,
};
