"""Made from proto/vfx_swap/v1 by `python -m scripts.protos`; `vfx_swap.service.wire` alone imports it."""
