"""The decoder-only architectures of which it is known what a text token reads: each weight of its blocks, once.

Names as GGUF's `general.architecture` and as `model_type` of config.json. Left out on purpose: encoders and encoder-decoders
(bert, t5, whisper), diffusion (llada, dream, rnd1), image and sound makers (clip, wavtokenizer), and blocks that are not all
read for each token in ways that their headers don't tell (grovemoe, ernie's vision experts, plm, smallthinker).
"""

from __future__ import annotations

# llama.cpp's, from MODEL_ARCH_NAMES of gguf 0.19.0
_GGUF = """
afmoe apertus arcee arctic arwkv7 baichuan bailingmoe bailingmoe2 bitnet bloom chatglm codeshell cohere2 command-r dbrx deci
deepseek deepseek2 dots1 ernie4_5 ernie4_5-moe exaone exaone-moe exaone4 falcon falcon-h1 gemma gemma2 gemma3 gemma3n gemma4
glm-dsa glm4 glm4moe gpt-oss gpt2 gptj gptneox granite granitehybrid granitemoe grok hunyuan-dense hunyuan-moe internlm2 jais
jais2 jamba kimi-linear lfm2 lfm2moe llama llama4 maincoder mamba mamba2 mimo2 minicpm minicpm3 minimax-m2 mistral3 mistral4
mllama mpt nemotron nemotron_h nemotron_h_moe olmo olmo2 olmoe openelm orion pangu-embedded phi2 phi3 phimoe plamo plamo2 plamo3
qwen qwen2 qwen2moe qwen2vl qwen3 qwen35 qwen35moe qwen3moe qwen3next qwen3vl qwen3vlmoe refact rwkv6 rwkv6qwen2 rwkv7 seed_oss
smollm3 stablelm starcoder starcoder2 step35 xverse
"""
# transformers' and vLLM's; of a model with towers the type of its `text_config`, where it has one
_FOLDERS = """
aria_text bamba bitnet bloom codegen cohere cohere2 deepseek deepseek_v2 deepseek_v3 deepseek_v32 dbrx dots1 ernie4_5
ernie4_5_moe exaone exaone4 falcon falcon_h1 falcon_mamba gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text gemma4 gemma4_text
glm glm4 glm4_moe glm4_moe_lite glm4v glm4v_text glm4v_moe_text glm_moe_dsa gpt2 gpt_bigcode gpt_neo gpt_neox gpt_oss gptj granite
granitemoe granitemoehybrid granitemoeshared helium hunyuan_v1_dense hunyuan_v1_moe idefics2 idefics3 internlm2 internlm3 jamba
kimi_k2 kimi_linear lfm2 lfm2_moe llama llama4 llama4_text llava llava_next mamba mamba2 mimo mimo_v2_flash minicpm minicpm3
minimax minimax_m2 ministral ministral3 mistral mistral3 mixtral mllama mllama_text_model mpt nemotron nemotron_h olmo olmo2 olmo3
olmoe opt paligemma persimmon phi phi3 phi3_v phi4mm phi4_multimodal phimoe pixtral qwen2 qwen2_5_omni_text qwen2_5_vl
qwen2_5_vl_text qwen2_moe qwen2_vl qwen2_vl_text qwen3 qwen3_5_moe_text qwen3_5_text qwen3_moe qwen3_next qwen3_omni_moe_text
qwen3_vl_moe_text qwen3_vl_text qwen3_vl recurrent_gemma rwkv seed_oss smollm3 smolvlm stablelm starcoder2 vaultgemma xverse
zamba zamba2
"""
KNOWN = frozenset((_GGUF + _FOLDERS).split())
