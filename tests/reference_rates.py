"""Reference numbers of theory 7.4 that several rooms are held against: V = (x^2 - 1)^2, mass 1."""

# Friction: exact hop rates at T = 0.1 and 0.2, from the spectrum of the Kramers generator.
UNDERDAMPED = {
    0.1: (1.0840e-5, 9.3393e-4),
    0.2: (1.5066e-5, 1.4919e-3),
    0.3: (1.6732e-5, 1.8470e-3),
    0.5: (1.7240e-5, 2.1911e-3),
    1.0: (1.5586e-5, 2.2168e-3),
    2.0: (1.2316e-5, 1.7854e-3),
    5.0: (6.9288e-6, 9.9258e-4),
    10.0: (3.7834e-6, 5.3807e-4),
}
