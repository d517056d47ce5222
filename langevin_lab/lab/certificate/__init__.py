"""The certificate of a method: its record, and what can be computed about it from its own step.

Cost, rest, the equation at small steps; stability, stationary law and orders on a harmonic well;
time reversal and detailed balance; heat and shadow work; strong, weak and configurational orders.
Each check has a domain, outside of which it says why it does not apply; a method to which none
applies has no certificate.
"""

from langevin_lab.lab.certificate.drawing import draw_certificate
from langevin_lab.lab.certificate.examination import EXAMINATIONS, Examination, certificate
from langevin_lab.lab.certificate.record import Certificate, Check, HarmonicLaw

__all__ = [
    "EXAMINATIONS",
    "Certificate",
    "Check",
    "Examination",
    "HarmonicLaw",
    "certificate",
    "draw_certificate",
]
