"""Everything that proxies of one view are to have."""
