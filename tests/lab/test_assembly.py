"""Assembly as a graph: blocks, loops, and the way that every pass takes."""

import pytest

from langevin_lab.lab.benchmarks.assembly import Instruction, blocks, loops, usual_path

# A loop with a rare store, and an endless loop behind EXIT as assemblers pad with.
STORING = """
.text.kernel:
        /*0000*/                   MOV R1, c[0x0][0x28] ;
        /*0010*/              @!P0 EXIT ;
.L_x_1:
        /*0020*/                   DADD R2, R2, R4 ;
        /*0030*/                   ISETP.NE.AND P1, PT, R6, RZ, PT ;
        /*0040*/               @P1 BRA `(.L_x_2) ;
        /*0050*/                   STG.E.64 desc[UR4][R8.64], R2 ;
        /*0060*/                   IADD3 R8, R8, 0x8, RZ ;
        /*0070*/                   IADD3 R9, R9, 0x8, RZ ;
.L_x_2:
        /*0080*/                   IADD3 R6, R6, 0x1, RZ ;
        /*0090*/              @!P0 BRA P2, `(.L_x_1) ;
        /*00a0*/                   EXIT ;
.L_x_3:
        /*00b0*/                   BRA `(.L_x_3);
"""

# An outer loop with an inner one on a rare way, as the sine of a huge argument has.
NESTED = """
.text.kernel:
        /*0000*/                   MOV R1, R2 ;
.L_x_1:
        /*0010*/                   FADD R2, R2, R4 ;
        /*0020*/               @P1 BRA `(.L_x_4) ;
.L_x_2:
        /*0030*/                   FMUL R3, R3, R3 ;
        /*0040*/                   FMUL R3, R3, R3 ;
        /*0050*/               @P3 BRA `(.L_x_2) ;
.L_x_4:
        /*0060*/                   FFMA R2, R2, R4, R5 ;
        /*0070*/               @P0 BRA `(.L_x_1) ;
        /*0080*/                   EXIT ;
"""

PTX = """
.version 8.0
.visible .entry kernel(
	.param .u64 kernel_param_0
)
{
	.reg .f64 	%fd<5>;
	mov.f64 	%fd1, 0d0000000000000000;
	bra.uni 	$L__BB0_3;

$L__BB0_1:
	fma.rn.f64 	%fd1, %fd1, %fd2, %fd3;
	@%p2 bra 	$L__BB0_3;

	{ // callseq 0, 0
	call.uni (retval0),
	slow,
	(param0
	);
	} // callseq 0
	add.f64 	%fd1, %fd1, %fd2;

$L__BB0_3:
	add.s32 	%r1, %r1, 1;
	setp.lt.s32 	%p1, %r1, %r2;
	@%p1 bra 	$L__BB0_1;

	ret;
}
"""


def path_of(text):
    found = blocks(text)
    (head,) = [head for head in loops(found) if found[head].lines[0].opcode != "BRA"]
    return [line.opcode for line in usual_path(found, head)]


def test_usual_path_leaves_out_what_stores():
    assert path_of(STORING) == ["DADD", "ISETP.NE.AND", "BRA", "IADD3", "BRA"]


def test_stores_are_taken_where_every_way_has_one():
    always = STORING.replace("@P1 BRA `(.L_x_2)", "    NOP")
    assert "STG.E.64" in path_of(always)


def test_inner_loops_are_found_and_left_out():
    found = blocks(NESTED)
    members = loops(found)
    outer, inner = sorted(members, key=lambda head: -len(members[head]))
    assert members[inner] < members[outer]
    path = [line.opcode for line in usual_path(found, outer)]
    assert path == ["FADD", "BRA", "FFMA", "BRA"]


def test_inner_loop_without_a_way_round_counts_once():
    found = blocks(NESTED.replace("@P1 BRA `(.L_x_4)", "    NOP"))
    members = loops(found)
    outer = max(members, key=lambda head: len(members[head]))
    path = [line.opcode for line in usual_path(found, outer)]
    assert path == ["FADD", "NOP", "FMUL", "FMUL", "BRA", "FFMA", "BRA"]


def test_ptx_is_read_with_calls_as_rare():
    assert path_of(PTX) == ["add.s32", "setp.lt.s32", "bra", "fma.rn.f64", "bra"]


def test_branch_is_conditional_by_guard_or_operand():
    assert Instruction("BRA", "@!P0", "`(.L_x_1)").is_conditional
    assert Instruction("BRA", "", "P1, `(.L_x_1)").is_conditional
    assert not Instruction("BRA", "", "`(.L_x_1)").is_conditional
    assert Instruction("BRA", "", "`(.L_x_1)").target == ".L_x_1"
    assert Instruction("BSSY", "", "B0, `(.L_x_0)").target is None


def test_text_without_instructions_is_refused():
    with pytest.raises(ValueError, match="no instruction in the text; give SASS"):
        blocks("nothing here")


def test_code_without_a_loop_is_refused():
    with pytest.raises(ValueError, match="no loop in the code"):
        loops(blocks("  /*0000*/   MOV R1, R2 ;\n  /*0010*/   EXIT ;\n"))


def test_longest_of_two_ways_is_taken():
    ways = STORING.replace("STG.E.64 desc[UR4][R8.64], R2", "DMUL R2, R2, R2")
    assert "DMUL" in path_of(ways)
