"""Speed: what is timed, by whom, against which limit, and what was found.

`works` says what is timed, `programs` who does it, `child` and `session` how: each program in a
process of its own, repeats interleaved. `assembly`, `instructions` and `throughput` give a card's
limit from the instructions of a step, which takes a compiler but no card. `verdicts` holds one
against the other, `records` keeps what was measured, `command` is ``langevin-lab bench``.
"""
