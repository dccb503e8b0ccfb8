"""What the API server checks of the Gateway API's kinds, beyond the types and limits of their
structs.
"""
