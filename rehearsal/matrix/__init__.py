"""The matrix: every strategy against every fault, a cell each, carried out in lanes and judged."""
