"""Clusters and their endpoints."""
