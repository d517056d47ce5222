"""The continuous equations that optimisers and integrators approximate, each with its range."""
