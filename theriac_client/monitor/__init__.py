"""Watching a log from a member's machine: what it shows is checked against what it showed before.

Who lies is caught with evidence that convinces others; who merely does not answer is not accused.
"""
