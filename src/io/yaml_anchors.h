/*
 * yaml_anchors: which node each &anchor of a document names. Defining a name again is legal YAML: the latest
 * wins. Costs O(log n) a lookup whatever the names are, so that nobody can choose them to be slow.
 */
#ifndef IO_YAML_ANCHORS_H
#define IO_YAML_ANCHORS_H

#include "model/doc.h"

enum { YAML_ANCHORS_MAX = 20000 }; /* more are refused: CODE_LIMIT_NODES */

struct yaml_anchor {
    struct span name;
    const struct doc_node *node; /* NULL while its container is open: an alias to it would be recursive */
    uint32_t definitions;        /* how often the name was defined: tells an outdated definition */
};

struct yaml_anchors {
    struct arena *arena; /* owns names and anchors */
    void *tree;          /* of tsearch(3) */
    size_t len;
};

void yaml_anchors_fini(struct yaml_anchors *anchors);

/* NULL if the name was not defined yet. */
struct yaml_anchor *yaml_anchors_find(const struct yaml_anchors *anchors, struct span name);

/* Defines the name (anew); *out (may be NULL) is its anchor. CODE_LIMIT_NODES without a place, ERR_MEMORY. */
int yaml_anchors_define(struct yaml_anchors *anchors, struct span name, const struct doc_node *node,
                        struct yaml_anchor **out, struct error *err) MUST_CHECK;

#endif
