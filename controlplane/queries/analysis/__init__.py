"""What is wrong with objects, whether a proxy is connected or not."""
