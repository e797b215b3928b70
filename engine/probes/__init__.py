"""What is measured on a network without changing it: not its weights, gradients, BatchNorm statistics, mode or any generator.

Each probe yields (name, value) with the names of METHODS.md, section 0. What cannot be said is absent: never 0, never NaN.
"""
