"""The demo release: a generated corpus of Fisher's shape, for those without a licence."""
