"""Classes of instructions, steps by Philox, and a card's limit, by hand."""

import pytest

from langevin_lab.lab.benchmarks.instructions import StepCount, classify, count_steps
from langevin_lab.lab.benchmarks.throughput import (
    CARDS,
    ISSUED,
    RATES,
    Card,
    cycles,
    limit,
    reference_card,
)

HOPPER = (9, 0)


def loop_of(lines):
    """SASS of a loop that holds the lines."""
    body = "\n".join(f"        /*{16 * (k + 1):04x}*/  {line} ;" for k, line in enumerate(lines))
    return (
        f"        /*0000*/  MOV R1, R2 ;\n.L_x_1:\n{body}\n"
        "        /*8000*/  @P0 BRA `(.L_x_1) ;\n        /*8010*/  EXIT ;\n"
    )


def philox(rounds=10):
    """Products of one call, as the disassembler prints the two multipliers."""
    return [
        "IMAD.WIDE.U32 R4, R4, -0x2daee0ad, RZ",
        "IMAD.WIDE.U32 R6, R6, -0x326172a9, RZ",
    ] * rounds


@pytest.mark.parametrize(
    ("opcode", "name"),
    [
        ("DFMA", "fp64"), ("DSETP.GT.AND", "fp64"), ("FFMA", "fp32"), ("FADD.FTZ", "fp32"),
        ("FSETP.GT.AND", "integer"), ("FMNMX", "integer"), ("IMAD.WIDE.U32", "multiply"),
        ("IMAD.MOV.U32", "multiply"), ("LOP3.LUT", "integer"), ("SHF.R.U32.HI", "integer"),
        ("MUFU.RSQ64H", "special"), ("POPC", "special"), ("I2F.F64.U64", "wide_conversion"),
        ("F2F.F32.F64", "wide_conversion"), ("I2F.U32", "conversion"), ("I2FP.F32.U32", "integer"),
        ("LDG.E.64", "memory"), ("LDC.64", "memory"), ("LEA.HI.X", "integer"), ("BRA", "control"),
        ("BSYNC", "control"), ("ULDC.64", "uniform"), ("UMOV", "uniform"), ("R2UR", "uniform"),
        ("R2P", "integer"), ("RED.E.ADD", "memory"),
        ("fma.rn.f64", "fp64"), ("setp.lt.f64", "fp64"), ("add.rn.f32", "fp32"),
        ("setp.lt.f32", "integer"), ("mul.wide.u32", "multiply"), ("mad.lo.s32", "multiply"),
        ("mul.rn.f32", "fp32"), ("mul.rn.f64", "fp64"), ("selp.f64", "integer"),
        ("cvt.rn.f64.u64", "wide_conversion"), ("cvt.rn.f32.u32", "conversion"),
        ("cvt.u32.u64", "integer"),
        ("sqrt.rn.f64", "fp64"), ("lg2.approx.f32", "special"), ("ld.global.f64", "memory"),
        ("xor.b64", "integer"), ("bra", "control"),
    ],
)  # fmt: skip
def test_class_of_an_opcode(opcode, name):
    assert classify(opcode) == name


def test_steps_of_a_pass_follow_from_philox():
    """One call yields two normals: two steps of one normal, one step of two."""
    text = loop_of([*philox(), "DFMA R2, R2, R2, R2", "DADD R2, R2, R2"])
    one = count_steps(text, normals_per_step=1)
    assert (one.n_steps, one.language) == (2, "SASS")
    assert one.per_step == {"fp64": 1.0, "multiply": 10.0, "control": 0.5}
    assert one.total == 11.5
    assert one.opcodes["DFMA"] == 1
    two = count_steps(text, normals_per_step=2)
    assert (two.n_steps, two.per_step["fp64"]) == (1, 2.0)


def test_product_of_the_first_round_may_stand_before_the_loop():
    text = loop_of(philox()[1:] + philox())
    assert count_steps(text, normals_per_step=1).n_steps == 4


def test_loop_with_philox_is_taken_before_a_larger_one():
    small = loop_of([*philox(), "DADD R2, R2, R2"]).replace(".L_x_1", ".L_x_7")
    text = loop_of(["FADD R2, R2, R2"] * 100) + small.replace("/*0000*/", "/*9000*/")
    assert "fp32" not in count_steps(text, normals_per_step=1).per_step


def test_without_philox_steps_have_to_be_given():
    text = loop_of(["DADD R2, R2, R2"])
    with pytest.raises(ValueError, match="no Philox in the largest loop; give n_steps"):
        count_steps(text, normals_per_step=1)
    assert count_steps(text, normals_per_step=1, n_steps=4).per_step["fp64"] == 0.25


def test_wide_integers_of_ptx_count_as_what_they_become():
    lines = [
        "mul.lo.s64 %rd1, %rd2, 3528531795", "mul.lo.s64 %rd1, %rd2, %rd3", "add.s64 %rd1, %rd1, 1",
        "mov.u64 %rd4, %rd1", "xor.b32 %r1, %r2, %r3", "mul.wide.u32 %rd5, %r1, 7",
        "cvt.u32.u64 %r1, %rd1", "cvt.s64.s32 %rd1, %r1", "cvta.to.global.u64 %rd1, %rd2",
        "mad.lo.s64 %rd1, %rd1, 5, 7", "fma.rn.f64 %fd1, %fd1, %fd1, %fd1",
    ]  # fmt: skip
    body = "\n".join(f"\t{line};" for line in lines)
    text = f"$L__BB0_1:\n{body}\n\t@%p1 bra \t$L__BB0_1;\n\tret;\n"
    found = count_steps(text, normals_per_step=1, n_steps=1)
    assert found.language == "PTX"
    assert found.per_step == {"fp64": 1, "multiply": 1 + 3 + 1 + 3, "integer": 2 + 1, "control": 1}


def test_multipliers_of_philox_may_stand_in_registers_of_ptx():
    head = "\tmov.u32 \t%r8, -766435501;\n\tmov.b32 \t%r9, -845247145;\n\tmov.u32 \t%r7, 5;\n"
    lines = ["mul.wide.u32 %rd1, %r1, %r8", "mul.wide.u32 %rd2, %r9, %r2"] * 10
    lines += ["mul.wide.u32 %rd3, %r3, %r7"] * 20
    body = "\n".join(f"\t{line};" for line in lines)
    text = f"{head}$L__BB0_1:\n{body}\n\t@%p1 bra \t$L__BB0_1;\n\tret;\n"
    found = count_steps(text, normals_per_step=1)
    assert (found.n_steps, found.per_step["multiply"]) == (2, 20)


def test_cycles_are_instructions_over_rates():
    count = StepCount({"fp64": 64, "multiply": 32, "fp32": 32, "integer": 16, "special": 4,
                       "conversion": 4, "wide_conversion": 8}, 1, "SASS")  # fmt: skip
    busy = cycles(count, HOPPER)
    assert busy == pytest.approx(
        {"issue": 160 / 128, "FP64": 1.0, "FMA": 0.5, "integer multiply": 0.5, "ALU": 0.25,
         "XU": 1.0}
    )  # fmt: skip
    assert limit(count, Card("card", HOPPER, 10, 1e9)) == (pytest.approx(1e10 / 1.25), "issue")
    assert cycles(count, (8, 9))["FP64"] == 32.0
    assert cycles(count, (8, 9))["XU"] == 0.5 + 4.0


def test_peak_rates_are_those_of_the_data_sheets():
    """H200: 67 TFLOPS fp32, 34 fp64; A100: 19.5 and 9.7; RTX 4090: 82.6; two per multiply-add."""
    peaks = {HOPPER: (67e12, 34e12), (8, 0): (19.5e12, 9.7e12), (8, 9): (82.6e12, 1.29e12)}
    for capability, (single, double) in peaks.items():
        card = CARDS[capability]
        for name, peak in (("fp32", single), ("fp64", double)):
            count = StepCount({name: 1.0}, 1, "SASS")
            assert 2 * limit(count, card)[0] == pytest.approx(peak, rel=0.02)


def test_no_class_is_faster_than_the_schedulers_issue():
    assert all(rate <= ISSUED for rates in RATES.values() for rate in rates.values())
    assert RATES.keys() == CARDS.keys()
    assert all(card.capability == capability for capability, card in CARDS.items())


def test_unknown_target_names_the_known_ones():
    with pytest.raises(ValueError, match=r"sm_70: no table of rates.*sm_80, .*sm_90, sm_100"):
        reference_card((7, 0))
