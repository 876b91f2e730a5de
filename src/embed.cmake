# Writes OUTPUT, C that holds the bytes of SOURCE and a zero behind them as ag_script_template.
file(READ ${SOURCE} bytes HEX)
string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
file(WRITE ${OUTPUT} "#include \"cli/submit.h\"\nconst char ag_script_template[] = {${bytes}0};\n")
