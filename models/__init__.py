"""Text in, probabilities out. Knows neither the web door, nor the background door, nor the domain."""

ATTRIBUTES = ("spam", "toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack")
