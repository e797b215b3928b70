"""The drawings of Generations: flow of mistakes, agreement, reliability. Their geometry, pointer, keys and words."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from engine.statistics import reliability
from studio.lineage_pictures import Agreement, Calibration, Flow, Step
from studio.widgets.agreement_matrix import AgreementMatrix
from studio.widgets.mistakes_flow import MistakesFlow
from studio.widgets.reliability_plot import ReliabilityPlot
from studio.widgets.table_twin import Twin

LEFT, KEYS = Qt.MouseButton.LeftButton, Qt.Key
FLOW = Flow((0, 1, 2), (112, 87, 75), (Step(0, 1, 71, 41, 16), Step(1, 2, 67, 20, 8)), (0, 1, 2), 1620)


@pytest.fixture
def flow(dressed, on_screen) -> MistakesFlow:
    made = MistakesFlow()
    made.resize(640, 400)
    made.show_flow(FLOW)
    return on_screen(made)


def inside(flow: MistakesFlow, place: int) -> QPoint:
    """A point within a stream: a little into it, where it begins or ends at a bar."""
    stream = flow.streams()[place]
    box = stream.outline.boundingRect()
    x = box.right() - 3 if stream.kind == "new" else box.left() + 3
    inside = [y for y in range(int(box.top()), int(box.bottom())) if stream.outline.contains(QPointF(x, y))]
    return QPoint(round(x), inside[len(inside) // 2])


def test_that_one_height_is_one_count_everywhere(flow: MistakesFlow) -> None:
    heights = {(s.step.parent, s.kind): s.outline for s in flow.streams()}
    inherited = heights[0, "inherited"].boundingRect().height()
    assert heights[1, "inherited"].boundingRect().height() / inherited == pytest.approx(67 / 71)
    bars = flow._bars()
    assert bars[0].height() / inherited == pytest.approx(112 / 71)
    assert bars[0].height() / bars[2].height() == pytest.approx(112 / 75)


@pytest.mark.parametrize("place", range(6))
def test_that_a_click_on_any_stream_chooses_it(flow: MistakesFlow, place: int) -> None:
    told: list[tuple[int, int, str]] = []
    flow.chosen.connect(lambda *key: told.append(key))
    QTest.mouseClick(flow, LEFT, pos=inside(flow, place))
    assert told == [flow.streams()[place].key]


def test_that_keys_walk_over_all_streams_and_return_chooses(flow: MistakesFlow) -> None:
    told: list[tuple[int, int, str]] = []
    flow.chosen.connect(lambda *key: told.append(key))
    flow.setFocus()
    for _ in range(4):
        QTest.keyClick(flow, KEYS.Key_Right)
    assert flow.accessibleDescription() == "20 fixed: wrong in F1, right in F2"
    QTest.keyClick(flow, KEYS.Key_Return)
    for _ in range(9):
        QTest.keyClick(flow, KEYS.Key_Left)
    QTest.keyClick(flow, KEYS.Key_Space)
    assert told == [(1, 2, "fixed"), (0, 1, "inherited")]


def test_that_the_flow_is_told_in_words_and_as_a_table(flow: MistakesFlow) -> None:
    assert flow.accessibleDescription() == (
        "F0 has 112 wrong. F0 to F1: 71 inherited, 41 fixed, 16 new, so 87 wrong. "
        "F1 to F2: 67 inherited, 20 fixed, 8 new, so 75 wrong"
    )
    assert flow.table()[1] == ["F0", "F1", "112", "71", "41", "16", "87"]


@pytest.mark.parametrize(
    "made", [Flow(), Flow((0,), (5,), (), (0,), 60), Flow((0, 1), (0, 0), (Step(0, 1, 0, 0, 0),), (0,), 60)]
)
def test_that_a_flow_of_little_or_nothing_is_drawn_without_a_fault(dressed, qtbot, made: Flow) -> None:
    widget = MistakesFlow()
    qtbot.addWidget(widget)
    widget.show_flow(made)
    widget.resize(widget.minimumSizeHint())
    assert not widget.grab().isNull()


def test_that_a_repaint_copies_and_only_content_size_or_theme_draw_anew(flow: MistakesFlow, dressed) -> None:
    flow.grab()
    before = flow._ready
    flow.mark(0, 1, "fixed")
    flow.grab()
    assert flow._ready is before
    dressed("dark")
    flow.grab()
    assert flow._ready is not before


def test_that_the_table_behind_a_drawing_is_one_click_away(dressed, on_screen, flow: MistakesFlow) -> None:
    twin = Twin(MistakesFlow(), flow.table, "Mistakes")
    on_screen(twin)
    twin.button.click()
    model = twin.table.model()
    assert twin.currentWidget() is twin.table
    assert [model.headerData(c, Qt.Orientation.Horizontal) for c in range(7)][2] == "wrong before"
    assert model.index(1, 4).data() == "20"
    twin.button.click()
    assert twin.currentWidget() is not twin.table
    twin.button.deleteLater()


# Agreement


@pytest.fixture
def matrix(dressed, on_screen) -> AgreementMatrix:
    made = AgreementMatrix()
    made.resize(500, 300)
    made.show_agreement(Agreement((0, 1, 2), np.array([[np.nan, 0.7, 0.6], [0.7, 0.8, 0.9], [0.6, 0.9, 0.85]])))
    return on_screen(made)


def test_that_a_cell_chooses_its_pair_and_the_diagonal_none(matrix: AgreementMatrix) -> None:
    told: list[tuple[int, int]] = []
    matrix.chosen.connect(lambda *pair: told.append(pair))
    QTest.mouseClick(matrix, LEFT, pos=matrix.cell(2, 0).center().toPoint())
    QTest.mouseClick(matrix, LEFT, pos=matrix.cell(1, 1).center().toPoint())
    matrix.setFocus()
    QTest.keyClick(matrix, KEYS.Key_Right)
    QTest.keyClick(matrix, KEYS.Key_Return)
    assert told == [(0, 2), (1, 2)]


def test_that_agreement_is_told_in_words_and_as_a_table(matrix: AgreementMatrix) -> None:
    assert matrix.accessibleDescription().startswith("Say the same: F0 and F1 70.0")
    assert matrix.table()[0] == ["", "F0", "F1", "F2"]
    assert matrix.table()[1][1] == "" and str(matrix.table()[2][3]).startswith("90.0")
    assert not matrix.grab().isNull()


# Reliability


@pytest.fixture
def plot(dressed, on_screen) -> ReliabilityPlot:
    random = np.random.default_rng(0)
    said = random.dirichlet(np.ones(4) * 0.5, size=300).astype(np.float32)
    made = ReliabilityPlot(1)
    made.show_calibration(
        Calibration(1, reliability(said, said.argmax(1) * (random.random(300) < 0.8)), (0.05, 0.07), (0.4, 0.5))
    )
    made.resize(260, 420)
    return on_screen(made)


def test_that_the_readout_tells_the_whole_or_the_bin_under_the_pointer(plot: ReliabilityPlot) -> None:
    assert plot.readout()[0] == "ECE 0.060" and "sure by" in plot.readout()[1]
    diagram = plot.diagram
    QTest.mouseMove(diagram, QPoint(round(diagram.plot().right()) - 2, 40))
    QApplication.processEvents()
    assert diagram.bin == 14 and plot.readout()[0].startswith("93–100")
    plot.setFocus()
    QTest.keyClick(plot, KEYS.Key_Home)
    assert diagram.bin == diagram.full_bins()[0] and "answer" in plot.readout()[1]
    QTest.keyClick(plot, KEYS.Key_Right)
    assert diagram.bin == diagram.full_bins()[1]
    QTest.keyClick(plot, KEYS.Key_Escape)
    assert plot.readout()[0] == "ECE 0.060"


def test_that_the_bars_stand_below_the_points_where_there_is_room(plot: ReliabilityPlot) -> None:
    assert plot.diagram.bars().top() > plot.diagram.plot().bottom()
    plot.resize(420, 260)
    QApplication.processEvents()
    assert plot.diagram.bars().bottom() == plot.diagram.plot().bottom()
    assert sum(int(str(row[3])) for row in plot.table()[1:]) == 300
