"""The user's objects, field for field, without behaviour: what a YAML document says once it is
understood.
"""
