/*
 * sealed: the form of a sealed secret, a scalar that stands for any value:
 *
 *   sealed:1:<key_id>:<base64>[,<key_id>:<base64>…]
 *
 * Only the form: who may open it is not known here.
 */
#ifndef MODEL_SEALED_H
#define MODEL_SEALED_H

#include "util/span.h"

enum { SEALED_KEY_ID_LEN = 16 };

bool sealed_is(struct span text);

#endif
