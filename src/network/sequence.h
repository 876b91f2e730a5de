/* The layers of a list as passes take them. */
#ifndef ADVGRID_NETWORK_SEQUENCE_H
#define ADVGRID_NETWORK_SEQUENCE_H

#include "network/network.h"

/** Makes the layers of the list: a convolution takes in the ReLU and the 2x2 max pooling behind it,
 *  a batch normalisation the ReLU. `training`: NULL, and the sequence is that of training, whose
 *  parameters are placed in the network's block; or that sequence, and what is made is that of
 *  evaluation, where a convolution takes in the batch normalisation too. sequence: owned by the
 *  caller, also after a failure. */
ag_status ag_sequence_create(ag_network *network, const ag_layer_list *list,
                             const ag_sequence *training, ag_sequence *sequence);
void ag_sequence_destroy(ag_sequence *sequence);

#endif
