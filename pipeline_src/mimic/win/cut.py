"""Cut a net into segments at the outputs of its blocks, whatever its own code looks like.

The net's forward is traced (``torch.fx``) down to the blocks, so that a block may do what it likes inside. A
cut is possible where a block's output is all that the rest of the net gets.
"""

import itertools

from torch import fx, nn

from mimic.cli import InputError


class _Tracer(fx.Tracer):
    """Stops at some modules, beside those of torch."""

    def __init__(self, leaves=()):
        super().__init__()
        self._leaves = set(leaves)

    def is_leaf_module(self, m, module_qualified_name):
        # Norms over several processes are subclasses of torch's, and decide by values.
        named = module_qualified_name in self._leaves or isinstance(m, nn.BatchNorm2d)
        return named or super().is_leaf_module(m, module_qualified_name)


def trace(net, leaves=(), where="net"):
    """Graph of a net's forward.

    Parameters
    ----------
    net : torch.nn.Module
    leaves : sequence of str
        Names of modules that are not looked into.
    where : str
        Named in errors.

    Returns
    -------
    torch.fx.Graph

    Raises
    ------
    InputError
        If the forward decides by values, or is another one in training and evaluation.
    """
    graphs = []
    mode = net.training
    for training in (True, False):
        net.train(training)
        try:
            graphs.append(_Tracer(leaves).trace(net))
        except Exception as error:  # whatever a forward raises on the proxies of a trace
            words = " ".join(str(error).split())[:200]
            raise InputError(
                f"{where}: forward of {type(net).__name__} cannot be traced (torch.fx): {words}"
            ) from None
        finally:
            net.train(mode)
    if str(graphs[0]) != str(graphs[1]):
        raise InputError(
            f"{where}: forward of {type(net).__name__} is another one in training than in evaluation: "
            "put what is told self.training into a module inside a block (torch.nn.Dropout, say)"
        )
    return graphs[0]


def cut(net, blocks, where="net"):
    """Segments of a net, in order: up to each block's output, and the rest.

    Parameters
    ----------
    net : torch.nn.Module
        Takes one tensor and gives one.
    blocks : sequence of str
        Names of its modules, in the order in which they are called.
    where : str
        Named in errors.

    Returns
    -------
    list of torch.fx.GraphModule
        One more than blocks. They share the net's modules, under the net's names.

    Raises
    ------
    InputError
        If a block is no module of the net, is not called exactly once or not in this order, or if the rest of
        the net gets more than its output.
    """
    modules = dict(net.named_modules())
    for name in blocks:
        if name not in modules or not name:
            children = ", ".join(child for child, _ in net.named_children())
            raise InputError(f"{where}: no module {name!r} in {type(net).__name__}; it has {children}")
    graph = trace(net, blocks, where)
    nodes = list(graph.nodes)
    inputs = [node for node in nodes if node.op == "placeholder"]
    if len(inputs) != 1:
        raise InputError(
            f"{where}: expected a forward that takes one tensor, got {len(inputs)}: "
            f"{', '.join(map(str, inputs))}"
        )
    cuts = [_place_of(name, nodes, where) for name in blocks]
    for (before, after), place, next_place in zip(itertools.pairwise(blocks), cuts, cuts[1:], strict=False):
        if next_place <= place:
            raise InputError(f"{where}: {after} is called before {before}: name blocks in their order")
    for name, place in zip(blocks, cuts, strict=True):
        _check_nothing_else_crosses(name, place, nodes, where)
    ends = [*cuts, len(nodes) - 1]
    starts = [nodes.index(inputs[0]), *cuts]
    return [
        _segment(net, nodes[start], nodes[start + 1 : end + 1])
        for start, end in zip(starts, ends, strict=True)
    ]


def _place_of(name, nodes, where):
    """Index of the node that calls a block."""
    found = [i for i, node in enumerate(nodes) if node.op == "call_module" and node.target == name]
    if len(found) != 1:
        raise InputError(f"{where}: {name} is called {len(found)} times in a forward pass, expected once")
    return found[0]


def _check_nothing_else_crosses(name, place, nodes, where):
    order = {node: i for i, node in enumerate(nodes)}
    for node in nodes[:place]:
        later = [user for user in node.users if order[user] > place]
        if later and node.op != "get_attr":
            raise InputError(
                f"{where}: no cut after {name}: {_words(later[0])} takes {_words(node)}, which goes past it "
                "(an identity skip across the boundary?); choose a block after which its output alone goes on"
            )


def _words(node):
    """How an error calls a node: the module's name, or the function's."""
    if node.op == "call_module":
        return str(node.target)
    if node.op == "placeholder":
        return "the input"
    if node.op == "output":
        return "the output"
    return getattr(node.target, "__name__", str(node.target))


def _segment(net, start, nodes):
    """The nodes after `start` as a net of their own that takes the output of `start`."""
    graph = fx.Graph()
    values = {start: graph.placeholder("x")}

    def value_of(node):
        if node not in values:  # an attribute that is fetched earlier than it is used
            values[node] = graph.node_copy(node)
        return values[node]

    for node in nodes:
        if node.op == "output":
            graph.output(fx.node.map_arg(node.args[0], value_of))
            break
        values[node] = graph.node_copy(node, value_of)
    else:
        graph.output(values[nodes[-1]])
    segment = fx.GraphModule(net, graph, type(net).__name__)
    return segment.train(net.training)


def shared_modules(segments):
    """Names of parameters that several segments hold, which each of them would change for the others."""
    owners = {}
    for i, segment in enumerate(segments):
        for name, parameter in segment.named_parameters():
            owners.setdefault(id(parameter), []).append((i, name))
    return sorted({found[0][1] for found in owners.values() if len({i for i, _ in found}) > 1})
