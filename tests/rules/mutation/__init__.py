"""Mutation testing of the shipped pack: every rule changed a little, and the pack's own tests asked whether they see it.

``python -m tests.rules.mutation`` (``make mutants``) prints what survived and ends with 1 below 90 %.
"""
