// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "porch",
    dependencies: [.package(name: "depai", path: "../..")],
    targets: [
        .executableTarget(
            name: "porch",
            dependencies: [
                .product(name: "Agent", package: "depai"), .product(name: "depai-web", package: "depai"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)])
    ]
)
