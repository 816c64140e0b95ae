# The installation media: build/package/.
#
#   tree/                  what is on the CD: viostor/<os>/<arch>/viostor.{sys,inf,cat,pdb}, ... (package.py)
#   viostor-<version>.iso  the CD
#   viostor-<version>.vfd  the driver disk for text-mode Setup (F6) of XP and Server 2003
#
# How the drivers are signed (docs/signing.md):
#
#   make package                        by a test certificate, made in TEST_KEY_DIR when first needed
#   make package SIGN=none              not at all; then the same source gives the same bytes anywhere
#   make package CERT=x.pem KEY=x.key   by a key of yours. PASS: a file with its pass phrase
#   make package CERT=x.pfx PASS=file
#   make package CERT=x.pem KEY='pkcs11:token=...' PKCS11_MODULE=/usr/lib/softhsm/libsofthsm2.so PASS=file
#
#   PKCS11_ENGINE=file     OpenSSL's engine, where it is not found by itself
#   CROSS_CERT=file        goes into the signatures besides
#   TIMESTAMP_URL=url      time stamps by RFC 3161
#   VERIFY_CA=file         verify each signature against these certificates (PEM)
#   LEGACY_CERT, LEGACY_KEY, LEGACY_DIGEST, LEGACY_TIMESTAMP_URL
#                          the same for Windows 7, Server 2008 R2 and older, which are given SHA-1

SIGN         ?= $(if $(CERT),key,test)
TEST_KEY_DIR ?= $(BUILD)/test-key
# The release's time, for all that carries one.
SOURCE_DATE_EPOCH ?= $(shell date -u -d '$(RELEASE_DATE)' +%s)

PACKAGE      ?= $(BUILD)/package
PACKAGE_TREE := $(PACKAGE)/tree
PACKAGE_ISO  := $(PACKAGE)/viostor-$(VERSION).iso
PACKAGE_VFD  := $(PACKAGE)/viostor-$(VERSION).vfd

# $(call given,OPTION,VALUE): the option, if there is a value.
given = $(if $(strip $(2)),$(1) '$(strip $(2))')
PACKAGE_SIGNING := --sign $(SIGN) --test-key '$(TEST_KEY_DIR)' $(call given,--cert,$(CERT)) $(call given,--key,$(KEY)) \
    $(call given,--pass-file,$(PASS)) $(call given,--pkcs11-module,$(PKCS11_MODULE)) \
    $(call given,--pkcs11-engine,$(PKCS11_ENGINE)) \
    $(call given,--cross-cert,$(CROSS_CERT)) $(call given,--timestamp-url,$(TIMESTAMP_URL)) \
    $(call given,--legacy-cert,$(LEGACY_CERT)) $(call given,--legacy-key,$(LEGACY_KEY)) \
    $(call given,--legacy-digest,$(LEGACY_DIGEST)) $(call given,--legacy-timestamp-url,$(LEGACY_TIMESTAMP_URL)) \
    $(call given,--verify-ca,$(VERIFY_CA))

# Always made anew: whom a signature names is not in any file's time.
.PHONY: package
package: tools-driver tools-package $(if $(filter none,$(SIGN)),,tools-sign) driver inf
	@mkdir -p $(PACKAGE)
	@rm -f $(PACKAGE)/viostor-*.iso $(PACKAGE)/viostor-*.vfd
	$(call say,PACKAGE $(PACKAGE_TREE))
	$(Q)$(PYTHON) packaging/package.py --build $(BUILD) --output $(PACKAGE_TREE) --version $(VERSION) \
	    --time $(SOURCE_DATE_EPOCH) $(PACKAGE_SIGNING)
	$(call say,ISO     $(PACKAGE_ISO))
	$(Q)SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) sh packaging/make_iso.sh $(PACKAGE_TREE) $(PACKAGE_ISO) VIOSTOR_$(subst .,_,$(VERSION))
	$(call say,FLOPPY  $(PACKAGE_VFD))
	$(Q)SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) sh packaging/make_floppy.sh $(PACKAGE_TREE) $(BUILD)/txtsetup.oem $(PACKAGE_VFD)
