"""Measurements: run by hand or by `make bench`; results/ holds what was measured, with the machine named."""
