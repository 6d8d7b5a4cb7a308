"""Asking a language model through an OpenAI-compatible server: a client, a vLLM server of our own, kept answers."""
