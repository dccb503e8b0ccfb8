"""What a proxy is to have, decided but not encoded: listeners, the filters of their chains, the
route tables that these name. In words of neither API and of no Envoy message.
"""
