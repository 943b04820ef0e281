/*
 * order: a total order of values, for finding equal ones among many. It is no order that people know.
 */
#ifndef SCHEMA_ORDER_H
#define SCHEMA_ORDER_H

#include "model/doc.h"

/* <0, 0, >0; 0 exactly where doc_equal. */
int value_order(const struct doc_node *a, const struct doc_node *b);

/* The same for qsort over const struct doc_node *. */
int value_order_of_pointers(const void *a, const void *b);

#endif
